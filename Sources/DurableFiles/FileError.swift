import Glibc

/// A file could not be read or written: what happened and what to do about it, in one line.
public struct FileError: Error, Equatable, CustomStringConvertible {
  /// What went wrong, as far as a program needs to tell cases apart.
  public enum Kind: String, Sendable, CaseIterable {
    /// Nothing under that name.
    case notFound
    /// The operating system refuses access, or the file system is mounted read-only.
    case permission
    /// Something is already there and must not be replaced.
    case exists
    /// The disk or the quota is full.
    case noSpace
    /// A folder was needed and something else stands there.
    case notAFolder
    /// A regular file was needed: this is a folder, a pipe, a socket or a device.
    case notARegularFile
    /// The file system cannot hold that name.
    case invalidName
    /// Too many open files, or no memory: may pass.
    case exhausted
    /// Any other failure of the disk or the network behind it.
    case io
  }

  /// What went wrong.
  public let kind: Kind
  /// One line: what is wrong and what to do.
  public let description: String

  /// An error with its own words.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// The same without the name of the file, for records that must not have it.
  public var withoutName: String {
    switch kind {
    case .notFound: "the file is gone, or its name leads elsewhere; check the path"
    case .permission: "permission denied; check the rights of the file and of its folder"
    case .exists: "something stands there already"
    case .noSpace: "the disk or the quota is full; make room and try again"
    case .notAFolder: "part of the path is not a folder; check the path"
    case .notARegularFile: "it is no regular file; give one"
    case .invalidName: "the name cannot be used, or leads through a link; give the file itself"
    case .exhausted: "too many open files, or out of memory; free some and try again"
    case .io: "the disk, or the network behind it, fails; check it and try again"
    }
  }

  /// What a failed system call means for `path`; `action` is a verb such as "write".
  package init(errno code: Int32, cannot action: String, _ path: String) {
    let (kind, reason) = FileError.meaning(of: code)
    self.init(kind, "cannot \(action) \(FileError.printable(path)): \(reason)")
  }

  private static func meaning(of code: Int32) -> (Kind, String) {
    switch code {
    case ENOENT: (.notFound, "no such file or folder; check the path")
    case EACCES, EPERM: (.permission, "permission denied; check the rights of the file and of its folder")
    case EROFS: (.permission, "the file system is read-only; choose another folder or remount it")
    case EEXIST: (.exists, "it exists already; choose another name or allow replacing it")
    case ENOSPC: (.noSpace, "the disk is full; make room and try again")
    case EDQUOT: (.noSpace, "the disk quota is used up; make room and try again")
    case EFBIG: (.noSpace, "the file would be larger than the system allows; raise the limit or choose another disk")
    case ENOTDIR: (.notAFolder, "part of the path is not a folder; check the path")
    case EISDIR, ENOTEMPTY: (.notARegularFile, "it is a folder; give a file name")
    case ENXIO, ENODEV: (.notARegularFile, "it is not a regular file; give one")
    case ENAMETOOLONG: (.invalidName, "the name is too long; choose a shorter one")
    case ELOOP: (.invalidName, "too many symbolic links; check the path")
    case EINVAL, EILSEQ: (.invalidName, "the file system does not accept this name; choose another one")
    case EMFILE, ENFILE: (.exhausted, "too many open files; close some or raise the limit (ulimit -n)")
    case ENOMEM: (.exhausted, "out of memory; free some and try again")
    default: (.io, "\(String(cString: strerror(code))); check the disk and try again")
    }
  }

  /// Text from outside as it may stand in a one-line message, with at most `limit` Unicode scalars and `…` where it is cut.
  package static func printable(_ text: String, limit: Int) -> String {
    var start = String.UnicodeScalarView()
    start.append(contentsOf: text.unicodeScalars.prefix(limit))
    let clean = printable(String(start)).unicodeScalars
    if clean.count <= limit && text.unicodeScalars.count <= limit { return String(clean) }
    start = String.UnicodeScalarView()
    start.append(contentsOf: clean.prefix(limit))
    return String(start) + "…"
  }

  /// A path as it may stand in a one-line message: control characters (line breaks, escape sequences) and direction
  /// marks are shown as `\u{…}`.
  package static func printable(_ path: String) -> String {
    var out = ""
    for scalar in path.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
