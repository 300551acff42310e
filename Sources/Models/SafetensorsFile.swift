package import DurableFiles
package import Foundation
package import TensorCore

/// A `.safetensors` file: 8 bytes of header length, a JSON header, then the tensors' bytes, all little-endian.
///
/// Reading trusts nothing: the header is at most 16 MiB, every key appears once, every tensor's bytes follow the
/// previous one's without gap or overlap up to the end of the file, and shape times width is its length. Nothing is
/// allocated for a tensor before its bytes are known to be there.
package struct SafetensorsFile {
  /// One tensor's place in the file.
  package struct Entry: Equatable, Sendable {
    /// Its name.
    package var name: String
    /// How its numbers are stored.
    package var format: NumberFormat
    /// Its extents in the file's layout, slowest-varying first.
    package var shape: [Int]
    /// Where its bytes start in the file.
    package var offset: Int
    /// How many bytes it has.
    package var byteCount: Int
  }

  /// The file, open.
  package let file: RegularFile
  /// The header with the length before it, as it stands in the file.
  package let head: [UInt8]
  /// The `__metadata__` strings.
  package let metadata: [String: String]
  /// The tensors, in the order of their bytes.
  package let entries: [Entry]

  private static let maximumHeader = 16 << 20

  /// Opens a file and checks its header; throws `ModelError` or `FileError`.
  package init(_ url: URL) throws {
    file = try RegularFile(url)
    let name = file.name
    func corrupt(_ what: String) -> ModelError {
      ModelError(.corrupt, "\(name) is not a usable .safetensors file: \(what); get the file again")
    }
    let prefix = try file.read(at: 0, count: 8)
    guard prefix.count == 8 else { throw corrupt("it has \(file.byteCount) bytes") }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(Self.maximumHeader), Int(length) <= file.byteCount - 8 else {
      throw corrupt("its header would have \(length) bytes (is it another kind of file?)")
    }
    let header = try file.read(at: 8, count: Int(length))
    guard header.count == Int(length) else { throw corrupt("it ends inside its header") }
    head = prefix + header
    let json: JSONValue
    do {
      json = try JSONReader.read(header)
    } catch {
      throw corrupt("its header is not the expected JSON (\(error.description))")
    }
    guard case .object(let members) = json else { throw corrupt("its header is not a JSON object") }
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    for member in members {
      let (key, value) = (member.key, member.value)
      if key == "__metadata__" {
        guard case .object(let pairs) = value else { throw corrupt("its __metadata__ is not an object") }
        for pair in pairs {
          guard case .string(let text) = pair.value else { throw corrupt("its __metadata__ holds more than strings") }
          metadata[pair.key] = text
        }
      } else {
        let start = 8 + Int(length)
        guard let entry = Self.entry(key, value, start: start, end: file.byteCount) else {
          throw corrupt("the entry of tensor \(ModelError.printable(key)) is impossible")
        }
        entries.append(entry)
      }
    }
    entries.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
    var end = 8 + Int(length)
    for entry in entries {
      guard entry.offset == end else {
        throw corrupt("there is a gap or an overlap before tensor \(ModelError.printable(entry.name))")
      }
      end += entry.byteCount
    }
    guard end == file.byteCount else { throw corrupt("\(file.byteCount - end) bytes belong to no tensor") }
    self.metadata = metadata
    self.entries = entries
  }

  private static func entry(_ name: String, _ value: JSONValue, start: Int, end: Int) -> Entry? {
    guard case .object(let members) = value, members.count == 3, case .string(let kind)? = value["dtype"],
      let format = NumberFormat(rawValue: kind), let shape = value["shape"]?.integers, shape.count <= 8,
      let range = value["data_offsets"]?.integers, range.count == 2
    else { return nil }
    guard shape.allSatisfy({ $0 >= 0 }), range[0] >= 0, range[1] >= range[0], range[1] <= end - start else {
      return nil
    }
    var bytes = format.width
    for extent in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow else { return nil }
      bytes = product
    }
    guard bytes == range[1] - range[0] else { return nil }
    return Entry(name: name, format: format, shape: shape, offset: start + range[0], byteCount: bytes)
  }

  /// Fills `buffer` with what stands at `offset`; throws `ModelError` if the file ends before.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    guard try file.read(into: buffer, at: offset) == buffer.count else {
      throw ModelError(.corrupt, "\(file.name) became shorter while it was read; get the file again")
    }
  }

  /// All tensors by name as 32-bit floats in the file's layout.
  package func tensors() throws -> [String: Tensor] {
    var out: [String: Tensor] = [:]
    for entry in entries {
      guard entry.format.isFloatingPoint else {
        throw ModelError(.corrupt, "tensor \(ModelError.printable(entry.name)) of \(file.name) is not floating point")
      }
      var bytes = [UInt8](repeating: 0, count: entry.byteCount)
      try bytes.withUnsafeMutableBytes { try read(into: $0, at: entry.offset) }
      out[entry.name] = bytes.withUnsafeBytes { entry.withNumbers($0) { Tensor(Array($0), shape: entry.shape) } }
    }
    return out
  }
}

extension SafetensorsFile.Entry {
  /// Calls `body` with the tensor's numbers as 32-bit floats in the file's layout, valid only inside, given its bytes.
  ///
  /// Those that are such floats already are not copied.
  func withNumbers<R>(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<Float>) -> R) -> R {
    if format == .float32, 1.littleEndian == 1, Int(bitPattern: bytes.baseAddress) % 4 == 0 {
      return body(bytes.assumingMemoryBound(to: Float.self))
    }
    // What others left idle would not fit.
    ComputeBackend.releaseIdleMemory()
    var tensor = Tensor(uninitialized: shape)
    tensor.withUnsafeMutableBuffer { format.decode(bytes, at: { $0 }, into: $0) }
    return tensor.withUnsafeBuffer(body)
  }
}

/// Writes a `.safetensors` file with the same bytes for the same content: metadata first with its keys sorted, then the
/// tensors in the order given.
package struct SafetensorsWriter {
  let metadata: [String: String]
  let format: NumberFormat

  /// A writer of tensors that are all of one format.
  package init(metadata: [String: String], format: NumberFormat) {
    self.metadata = metadata
    self.format = format
  }

  /// Length and header for tensors of these names and shapes, padded with spaces to a multiple of 8.
  package func head(_ tensors: [(name: String, shape: [Int])]) -> [UInt8] {
    var offset = 0
    let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
    var members = ["\"__metadata__\":{\(pairs.joined(separator: ","))}"]
    for (name, shape) in tensors {
      let end = offset + shape.reduce(format.width, *)
      let extents = shape.map(String.init).joined(separator: ",")
      members.append(
        "\(Self.quoted(name)):{\"dtype\":\"\(format.rawValue)\",\"shape\":[\(extents)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    while text.count % 8 != 0 { text.append(0x20) }
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }

  /// A tensor's bytes, or nil if a finite number is too large for float16.
  func bytes(_ tensor: Tensor) -> [UInt8]? {
    let count = tensor.count
    return tensor.withUnsafeBuffer { source -> [UInt8]? in
      var fits = true
      let bytes = [UInt8](unsafeUninitializedCapacity: count * format.width) { out, used in
        let raw = UnsafeMutableRawBufferPointer(out)
        for i in 0..<count {
          if format == .float16 {
            let half = Float16(source[i])
            if half.isInfinite && source[i].isFinite { fits = false }
            raw.storeBytes(of: half.bitPattern.littleEndian, toByteOffset: 2 * i, as: UInt16.self)
          } else {
            raw.storeBytes(of: source[i].bitPattern.littleEndian, toByteOffset: 4 * i, as: UInt32.self)
          }
        }
        used = count * format.width
      }
      return fits ? bytes : nil
    }
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{0}"..<"\u{20}": out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
