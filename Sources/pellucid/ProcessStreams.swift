import DurableFiles
@preconcurrency import Glibc

/// The three streams that a process is born with, and the signals that would kill it over them.
enum ProcessStreams {
  /// Opens what is closed, so that no file of ours gets number 0, 1 or 2; has a file that grows beyond its limit (ulimit
  /// -f) fail as a full disk does, and not kill.
  static func prepare() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
    }
    _ = signal(SIGXFSZ, SIG_IGN)
  }

  /// Throws when what was printed did not arrive: a table or a JSON document that is lost must not look like success.
  ///
  /// A reader that has gone (`| head`) is not an error; the signal of its going ends the process as usual.
  static func finish() throws {
    guard fflush(stdout) != 0 || ferror(stdout) != 0 else { return }
    throw FileError(
      .io, "standard output could not be written: \(String(cString: strerror(errno))); check where it goes")
  }
}
