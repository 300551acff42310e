/// Writes checkpoints for tests: pickles instruction by instruction, and zip archives around them.
public struct CheckpointBuilder {
  /// Pickle instructions.
  public struct Pickle {
    /// What was written so far.
    public var bytes: [UInt8] = [0x80, 2]

    /// Nothing but the protocol.
    public init() {}

    /// An instruction without an argument.
    public mutating func op(_ character: Character) { bytes.append(character.asciiValue!) }
    /// A string.
    public mutating func text(_ text: String) {
      op("X")
      bytes += little(UInt64(text.utf8.count), 4) + Array(text.utf8)
    }
    /// A whole number of 32 bits.
    public mutating func int(_ value: Int) {
      op("J")
      bytes += little(UInt64(bitPattern: Int64(value)), 4)
    }
    /// Something that Python would import.
    public mutating func global(_ module: String, _ name: String) { bytes += Array("c\(module)\n\(name)\n".utf8) }
    /// Whole numbers as a tuple.
    public mutating func tuple(_ values: [Int]) {
      op("(")
      values.forEach { int($0) }
      op("t")
    }
    /// A tensor that is a view of storage `key`.
    public mutating func tensor(
      _ shape: [Int], strides: [Int]? = nil, offset: Int = 0, key: String = "0", count: Int = 1,
      type: String = "FloatStorage"
    ) {
      global("torch._utils", "_rebuild_tensor_v2")
      op("(")
      op("(")
      text("storage")
      global("torch", type)
      text(key)
      text("cpu")
      int(count)
      op("t")
      op("Q")
      int(offset)
      tuple(shape)
      tuple(strides ?? shape.map { _ in 0 })
      bytes.append(0x89)
      global("collections", "OrderedDict")
      op(")")
      op("R")
      op("t")
      op("R")
    }
    /// A dictionary of tensors whose elements are all the one number of storage 0.
    public mutating func stateDict(_ tensors: [(name: String, shape: [Int])]) {
      op("}")
      op("(")
      for (name, shape) in tensors {
        text(name)
        tensor(shape)
      }
      op("u")
    }
    /// The whole pickle.
    public var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }
  }

  /// A zip archive with stored entries, as torch.save writes it.
  public static func zip(_ entries: [(name: String, bytes: [UInt8])], method: UInt16 = 0) -> [UInt8] {
    var out: [UInt8] = []
    var directory: [UInt8] = []
    for (name, bytes) in entries {
      let offset = out.count
      let middle =
        little(UInt64(method), 2) + [0, 0, 0, 0] + little(UInt64(crc32(bytes)), 4) + little(UInt64(bytes.count), 4)
        + little(UInt64(bytes.count), 4) + little(UInt64(name.utf8.count), 2) + [0, 0]
      out += [0x50, 0x4b, 3, 4, 0, 0, 0, 0] + middle + Array(name.utf8) + bytes
      directory += [0x50, 0x4b, 1, 2, 0, 0, 0, 0, 0, 0] + middle + [UInt8](repeating: 0, count: 10)
      directory += little(UInt64(offset), 4) + Array(name.utf8)
    }
    let start = out.count
    out += directory + [0x50, 0x4b, 5, 6, 0, 0, 0, 0]
    out += little(UInt64(entries.count), 2) + little(UInt64(entries.count), 2)
    return out + little(UInt64(directory.count), 4) + little(UInt64(start), 4) + [0, 0]
  }

  /// A checkpoint from a pickle and one storage of one number.
  public static func checkpoint(_ pickle: [UInt8], storage: [UInt8] = [0, 0, 0x80, 0x3e]) -> [UInt8] {
    zip([
      ("x/data.pkl", pickle), ("x/byteorder", Array("little".utf8)), ("x/data/0", storage),
      ("x/version", [0x33, 0x0a]),
    ])
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~crc
  }
}

private func little(_ value: UInt64, _ width: Int) -> [UInt8] {
  (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}
