import TensorCore

/// How a file stores one number; everything becomes 32-bit floats in memory.
package enum NumberFormat: String, Sendable, CaseIterable {
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float32 = "F32"
  case float64 = "F64"
  case int8 = "I8"
  case uint8 = "U8"
  case int16 = "I16"
  case int32 = "I32"
  case int64 = "I64"
  case bool = "BOOL"

  /// Bytes per number.
  package var width: Int {
    switch self {
    case .int8, .uint8, .bool: 1
    case .float16, .bfloat16, .int16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether a network's parameter may be stored so.
  package var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    default: false
    }
  }

  /// The little-endian numbers at the given positions, rounded to 32 bits.
  ///
  /// `position` gives places inside `bytes`, counted in numbers.
  func decode(_ bytes: UnsafeRawBufferPointer, at position: (Int) -> Int, into out: UnsafeMutableBufferPointer<Float>) {
    precondition(isFloatingPoint)
    switch self {
    case .float16:
      for i in 0..<out.count {
        let bits = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * position(i), as: UInt16.self))
        out[i] = Float(Float16(bitPattern: bits))
      }
    case .bfloat16:
      for i in 0..<out.count {
        let bits = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * position(i), as: UInt16.self))
        out[i] = Float(bitPattern: UInt32(bits) << 16)
      }
    case .float64:
      for i in 0..<out.count {
        let bits = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * position(i), as: UInt64.self))
        out[i] = Float(Double(bitPattern: bits))
      }
    default:
      for i in 0..<out.count {
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * position(i), as: UInt32.self))
        out[i] = Float(bitPattern: bits)
      }
    }
  }
}
