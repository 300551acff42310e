/// Stored voxels to numbers: any integer or float type, either byte order, `value = stored * slope + intercept` in
/// double precision, rounded once to Float.
struct VoxelDecoder {
  let dataType: VoxelDataType
  let bigEndian: Bool
  let slope: Double
  let intercept: Double
  /// Voxels that are NaN or infinite.
  private(set) var nonFiniteCount = 0
  /// Stored numbers of 32 or 64 bits that a Float cannot hold exactly.
  private(set) var inexactCount = 0

  init(dataType: VoxelDataType, bigEndian: Bool, slope: Double, intercept: Double) {
    self.dataType = dataType
    self.bigEndian = bigEndian
    self.slope = slope
    self.intercept = intercept
  }

  /// Decodes `count` voxels in pieces, so that memory stays bounded; `sink` gets each piece and its first index.
  mutating func decode(
    _ source: any ByteSource, count: Int, sink: (UnsafeBufferPointer<Float>, Int) throws -> Void
  ) throws {
    let pieceCount = min(count, 1 << 17)
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceCount * dataType.byteCount, alignment: 8)
    let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: pieceCount)
    defer {
      raw.deallocate()
      floats.deallocate()
    }
    var start = 0
    while start < count {
      let part = min(pieceCount, count - start)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: raw[..<(part * dataType.byteCount)])
      try source.fill(bytes)
      let target = UnsafeMutableBufferPointer(rebasing: floats[..<part])
      convert(UnsafeRawBufferPointer(bytes), to: target)
      try sink(UnsafeBufferPointer(target), start)
      start += part
    }
  }

  private mutating func convert(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableBufferPointer<Float>) {
    switch dataType {
    case .uint8: integers(UInt8.self, bytes, target)
    case .int8: integers(Int8.self, bytes, target)
    case .uint16: integers(UInt16.self, bytes, target)
    case .int16: integers(Int16.self, bytes, target)
    case .uint32: wideIntegers(UInt32.self, bytes, target)
    case .int32: wideIntegers(Int32.self, bytes, target)
    case .uint64: wideIntegers(UInt64.self, bytes, target)
    case .int64: wideIntegers(Int64.self, bytes, target)
    case .float32: floats(bytes, target)
    case .float64: doubles(bytes, target)
    }
  }

  private func integers<T: FixedWidthInteger>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Float>
  ) {
    let stored = bytes.bindMemory(to: T.self)
    for i in 0..<target.count {
      let value = bigEndian ? stored[i].bigEndian : stored[i].littleEndian
      target[i] = Float(Double(value) * slope + intercept)
    }
  }

  private mutating func wideIntegers<T: FixedWidthInteger>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Float>
  ) {
    let stored = bytes.bindMemory(to: T.self)
    for i in 0..<target.count {
      let value = bigEndian ? stored[i].bigEndian : stored[i].littleEndian
      let magnitude = value.magnitude
      // A Float holds 24 significant bits.
      if magnitude != 0 && T.bitWidth - magnitude.leadingZeroBitCount - magnitude.trailingZeroBitCount > 24 {
        inexactCount += 1
      }
      target[i] = Float(Double(value) * slope + intercept)
    }
  }

  private mutating func floats(_ bytes: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Float>) {
    let stored = bytes.bindMemory(to: UInt32.self)
    let isScaled = slope != 1 || intercept != 0
    for i in 0..<target.count {
      var value = Float(bitPattern: bigEndian ? stored[i].bigEndian : stored[i].littleEndian)
      if isScaled { value = Float(Double(value) * slope + intercept) }
      if !value.isFinite { nonFiniteCount += 1 }
      target[i] = value
    }
  }

  private mutating func doubles(_ bytes: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Float>) {
    let stored = bytes.bindMemory(to: UInt64.self)
    for i in 0..<target.count {
      let value = Double(bitPattern: bigEndian ? stored[i].bigEndian : stored[i].littleEndian)
      if value.isFinite && Double(Float(value)) != value { inexactCount += 1 }
      target[i] = Float(value * slope + intercept)
      if !target[i].isFinite { nonFiniteCount += 1 }
    }
  }

  /// What to tell the user about the voxels decoded so far.
  var warnings: [String] {
    var out: [String] = []
    if nonFiniteCount > 0 { out.append("W-NONFINITE: \(nonFiniteCount) voxels are NaN or infinite") }
    if inexactCount > 0 {
      out.append("W-PRECISION: \(inexactCount) voxels of type \(dataType.rawValue) were rounded to 32-bit floats")
    }
    return out
  }
}
