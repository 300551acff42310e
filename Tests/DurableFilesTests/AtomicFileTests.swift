import DurableFiles
import Foundation
import Glibc
import TestSupport
import Testing

private func names(_ folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted()
}

private func kind(_ body: () throws -> Void) -> FileError.Kind? {
  do { try body() } catch let error as FileError { return error.kind } catch { Issue.record("\(error)") }
  return nil
}

private struct Interruption: Error {}

@Test("What is written appears whole, alone and under its name")
func writes() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("out.bin")
    try AtomicFile.write(Data([1, 2, 3]), to: url)
    #expect(try Data(contentsOf: url) == Data([1, 2, 3]))
    try AtomicFile.write(Data([4]), to: url)
    #expect(try Data(contentsOf: url) == Data([4]))
    #expect(try names(folder) == ["out.bin"])
  }
}

@Test("Pieces arrive in order and nothing has the final name before the end")
func pieces() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("out.bin")
    let count = try AtomicFile.write(to: url) { file in
      for value in UInt8(0)..<200 { try file.write([UInt8](repeating: value, count: 1000)) }
      #expect(!FileManager.default.fileExists(atPath: url.path(percentEncoded: false)))
      return file.byteCount
    }
    let data = try Data(contentsOf: url)
    #expect(count == 200_000 && data.count == 200_000)
    #expect((0..<200).allSatisfy { data[$0 * 1000 + 999] == UInt8($0) })
  }
}

@Test("A failure half way leaves no file and the old content")
func failureLeavesNothing() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("out.bin")
    func fail() throws {
      try AtomicFile.write(to: url) { file in
        try file.write([1, 2, 3])
        throw Interruption()
      }
    }
    #expect(throws: Interruption.self) { try fail() }
    #expect(try names(folder) == [])
    try AtomicFile.write(Data([7]), to: url)
    #expect(throws: Interruption.self) { try fail() }
    #expect(try names(folder) == ["out.bin"])
    #expect(try Data(contentsOf: url) == Data([7]))
  }
}

@Test("An existing file is kept when it must be, even if it appears at the last moment")
func noReplace() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("out.bin")
    try AtomicFile.write(Data([1]), to: url, ifExists: .fail)
    #expect(kind { try AtomicFile.write(Data([2]), to: url, ifExists: .fail) } == .exists)
    let late = folder.appendingPathComponent("late.bin")
    let file = try AtomicFile(to: late, ifExists: .fail)
    try file.write([3])
    try Data([4]).write(to: late)
    #expect(kind { try file.commit() } == .exists)
    #expect(try Data(contentsOf: url) == Data([1]))
    #expect(try Data(contentsOf: late) == Data([4]))
    #expect(try names(folder) == ["late.bin", "out.bin"])
  }
}

@Test("Sealed bytes can be read before they get their name, and be thrown away")
func sealAndLook() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("out.bin")
    let file = try AtomicFile(to: url)
    try file.write([1, 2])
    try file.seal()
    #expect(try Data(contentsOf: file.temporaryURL) == Data([1, 2]))
    file.discard()
    #expect(try names(folder) == [])
  }
}

@Test("A dropped writer removes its temporary file")
func droppedWriter() throws {
  try withTemporaryFolder { folder in
    do {
      let file = try AtomicFile(to: folder.appendingPathComponent("out.bin"))
      try file.write([1])
      #expect(try names(folder).count == 1)
    }
    #expect(try names(folder) == [])
  }
}

@Test("Targets that cannot be written are refused by kind")
func refusedTargets() throws {
  try withTemporaryFolder { folder in
    let data = Data([1])
    try data.write(to: folder.appendingPathComponent("file"))
    #expect(kind { try AtomicFile.write(data, to: folder.appendingPathComponent("missing/out")) } == .notAFolder)
    #expect(kind { try AtomicFile.write(data, to: folder.appendingPathComponent("file/out")) } == .notAFolder)
    #expect(kind { try AtomicFile.write(data, to: folder) } == .notARegularFile)
    let long = String(repeating: "x", count: 300)
    #expect(kind { try AtomicFile.write(data, to: folder.appendingPathComponent(long)) } == .invalidName)
    #expect(try names(folder) == ["file"])
  }
}

@Test("Only regular files are read, and opening never blocks")
func readsOnlyRegularFiles() throws {
  try withTemporaryFolder { folder in
    let pipe = folder.appendingPathComponent("pipe")
    #expect(mkfifo(pipe.path(percentEncoded: false), 0o600) == 0)
    #expect(kind { _ = try RegularFile(pipe) } == .notARegularFile)
    #expect(kind { _ = try RegularFile(folder) } == .notARegularFile)
    #expect(kind { _ = try RegularFile(URL(fileURLWithPath: "/dev/zero")) } == .notARegularFile)
    #expect(kind { _ = try RegularFile(folder.appendingPathComponent("missing")) } == .notFound)
    let url = folder.appendingPathComponent("f")
    try Data(0..<100).write(to: url)
    let file = try RegularFile(url)
    #expect(file.byteCount == 100)
    #expect(try file.read(at: 95, count: 10) == [95, 96, 97, 98, 99])
    #expect(try file.read(at: 200, count: 10) == [])
  }
}

@Test(
  "System error codes map to kinds",
  arguments: [
    (ENOENT, FileError.Kind.notFound), (EACCES, .permission), (EPERM, .permission), (EROFS, .permission),
    (EEXIST, .exists), (ENOSPC, .noSpace), (EDQUOT, .noSpace), (ENOTDIR, .notAFolder), (EISDIR, .notARegularFile),
    (EMFILE, .exhausted), (EIO, .io), (ESTALE, .io),
  ])
func errorKinds(code: Int32, kind: FileError.Kind) {
  let error = FileError(errno: code, cannot: "write", "/a\n\u{1B}[31mb")
  #expect(error.kind == kind)
  #expect(error.description.hasPrefix("cannot write /a\\u{a}\\u{1b}[31mb: "))
  #expect(error.description.contains(";"), "it says what to do")
}

/// Whether a small file system can be mounted here (root in a machine or namespace that allows it).
private let canMount: Bool = {
  guard geteuid() == 0 else { return false }
  return
    (try? withTemporaryFolder { folder in
      let path = folder.path(percentEncoded: false)
      guard mount("tmpfs", path, "tmpfs", 0, "size=4096") == 0 else { return false }
      umount2(path, Int32(MNT_DETACH))
      return true
    }) ?? false
}()

@Test("A full disk leaves no file and says noSpace", .enabled(if: canMount))
func fullDisk() throws {
  try withTemporaryFolder { folder in
    let path = folder.path(percentEncoded: false)
    try #require(mount("tmpfs", path, "tmpfs", 0, "size=65536") == 0)
    defer { umount2(path, Int32(MNT_DETACH)) }
    let url = folder.appendingPathComponent("out.bin")
    try AtomicFile.write(Data(repeating: 1, count: 4096), to: url)
    for count in stride(from: 65536, through: 262_144, by: 32768) {
      #expect(kind { try AtomicFile.write(Data(repeating: 2, count: count), to: url) } == .noSpace)
      #expect(try Data(contentsOf: url) == Data(repeating: 1, count: 4096))
      #expect(try names(folder) == ["out.bin"])
    }
  }
}

@Test("A read-only file system says permission", .enabled(if: canMount))
func readOnlyDisk() throws {
  try withTemporaryFolder { folder in
    let path = folder.path(percentEncoded: false)
    try #require(mount("tmpfs", path, "tmpfs", UInt(MS_RDONLY), "size=65536") == 0)
    defer { umount2(path, Int32(MNT_DETACH)) }
    #expect(kind { try AtomicFile.write(Data([1]), to: folder.appendingPathComponent("out")) } == .permission)
  }
}
