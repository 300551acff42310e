import Foundation

/// Bytes handed to the reader of this process: libFuzzer calls it once per input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  do {
    try Session.shared.target.read(bytes)
    Session.shared.accepted += 1
  } catch {
    checkRefusal(error)
    if Session.shared.isVerbose { FileHandle.standardError.write(Data("refused: \(error)\n".utf8)) }
  }
  return 0
}

/// libFuzzer's own mutations, after which checksums and lengths are made right again most of the time: a random change
/// seldom gets past a CRC-32, and what lies behind it would hardly be tried.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
  let changed = mutateBytes(data, count, limit)
  if seed % 4 != 0 { Session.shared.target.seal(UnsafeMutableBufferPointer(start: data, count: changed)) }
  return changed
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

/// What one process remembers: the reader that it tries, and how many inputs that reader accepted.
final class Session {
  nonisolated(unsafe) static let shared = Session()

  let target: FuzzTarget
  var accepted = 0
  /// Tell why an input is refused: to look at single files.
  let isVerbose = ProcessInfo.processInfo.environment["PELLUCID_FUZZ_VERBOSE"] != nil

  private init() {
    let name = ProcessInfo.processInfo.environment["PELLUCID_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
      let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
      fatalError("PELLUCID_FUZZ_TARGET must be one of: \(known)")
    }
    self.target = target
    atexit {
      FileHandle.standardError.write(Data("stat::accepted_inputs: \(Session.shared.accepted)\n".utf8))
    }
  }
}
