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

  @Test func `a link to a folder is no folder of ours`() throws {
    try withTemporaryFolder { folder in
      let real = folder.appendingPathComponent("real"), link = folder.appendingPathComponent("link")
      try FolderChanges.make(real)
      try Data().write(to: real.appendingPathComponent("a"))
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: real)
      #expect(try FolderChanges.names(in: real) == ["a"])
      #expect { try FolderChanges.names(in: link) } throws: { ($0 as? FileError)?.kind == .notAFolder }
      #expect(try FolderChanges.isFolder(real) && !FolderChanges.isFolder(link))
    }
  }

  @Test func `a second name below a folder leads out of it through no link, and replaces nothing`() throws {
    try withTemporaryFolder { folder in
      let source = folder.appendingPathComponent("source"), tree = folder.appendingPathComponent("tree")
      try Data("x".utf8).write(to: source)
      for name in ["tree", "outside"] { try FolderChanges.make(folder.appendingPathComponent(name)) }
      try FileManager.default.createSymbolicLink(
        at: tree.appendingPathComponent("sub"), withDestinationURL: folder.appendingPathComponent("outside"))
      let bound = try BoundFolder(tree)
      #expect(throws: FileError.self) { try bound.link(source, as: RelativePath("sub/a")) }
      try bound.link(source, as: RelativePath("a"))
      #expect { try bound.link(source, as: RelativePath("a")) } throws: { ($0 as? FileError)?.kind == .exists }
      #expect(try FolderChanges.areOneFile(source, tree.appendingPathComponent("a")))
      #expect(try FolderChanges.names(in: folder.appendingPathComponent("outside")).isEmpty)
    }
  }
}
