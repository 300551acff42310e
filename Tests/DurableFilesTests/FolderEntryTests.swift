import DurableFiles
import Foundation
import TestSupport
import Testing

@Suite struct FolderEntryTests {
  @Test func `a file from the year 2400, or 1600, is an entry like any other`() throws {
    try withTemporaryFolder { folder in
      for (name, seconds) in [("later", 13_569_465_600), ("earlier", -11_676_096_000)] {
        let file = folder.appendingPathComponent(name)
        try Data("x".utf8).write(to: file)
        let time = timespec(tv_sec: seconds, tv_nsec: 0)
        try #require(utimensat(AT_FDCWD, file.path, [time, time], 0) == 0)
      }
      let entries = try BoundFolder(folder).entries()
      #expect(entries.map { String(decoding: $0.name, as: UTF8.self) } == ["earlier", "later"])
      #expect(Set(entries.map(\.signature)).count == 2)
    }
  }

  @Test func `there, not there, and not known are three answers`() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a"), loop = folder.appendingPathComponent("loop")
      try Data().write(to: file)
      try FileManager.default.createSymbolicLink(at: loop, withDestinationURL: loop)
      #expect(try FolderChanges.isThere(file))
      #expect(try !FolderChanges.isThere(folder.appendingPathComponent("b")))
      #expect(try !FolderChanges.isThere(file.appendingPathComponent("below a file")))
      #expect(throws: FileError.self) { try FolderChanges.isThere(loop.appendingPathComponent("b")) }
      #expect(try FolderChanges.areOneFile(file, folder.appendingPathComponent("./a")))
      #expect(try !FolderChanges.areOneFile(file, loop))
      #expect(try !FolderChanges.areOneFile(file, folder.appendingPathComponent("b")))
    }
  }
}
