/// Numbers to stored voxels, the reverse of `VoxelDecoder`.
struct VoxelEncoder {
  let scaling: StorageScaling
  let bigEndian: Bool
  /// Voxels that no stored number stands for.
  private(set) var clampedCount = 0

  init(scaling: StorageScaling, bigEndian: Bool) {
    self.scaling = scaling
    self.bigEndian = bigEndian
  }

  /// Encodes in pieces, so that memory stays bounded.
  mutating func encode(
    _ values: UnsafeBufferPointer<Float>, sink: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    let size = scaling.dataType.byteCount
    let pieceCount = 1 << 17
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: min(pieceCount, values.count) * size, alignment: 8)
    defer { raw.deallocate() }
    for start in stride(from: 0, to: values.count, by: pieceCount) {
      let piece = UnsafeBufferPointer(rebasing: values[start..<min(start + pieceCount, values.count)])
      let target = UnsafeMutableRawBufferPointer(rebasing: raw[..<(piece.count * size)])
      convert(piece, to: target)
      try sink(UnsafeRawBufferPointer(target))
    }
  }

  /// What a value must be when it is read again.
  func expected(_ value: Float) -> Float {
    guard let limits = scaling.dataType.limits else { return value }
    return Float(scaling.stored(value, limits: limits).0 * scaling.slope + scaling.intercept)
  }

  private mutating func convert(_ values: UnsafeBufferPointer<Float>, to target: UnsafeMutableRawBufferPointer) {
    switch scaling.dataType {
    case .uint8: integers(UInt8.self, values, target)
    case .int8: integers(Int8.self, values, target)
    case .uint16: integers(UInt16.self, values, target)
    case .int16: integers(Int16.self, values, target)
    case .uint32: integers(UInt32.self, values, target)
    case .int32: integers(Int32.self, values, target)
    case .uint64: integers(UInt64.self, values, target)
    case .int64: integers(Int64.self, values, target)
    case .float32:
      let out = target.bindMemory(to: UInt32.self)
      for i in 0..<values.count { out[i] = inFileOrder(values[i].bitPattern) }
    case .float64:
      let out = target.bindMemory(to: UInt64.self)
      for i in 0..<values.count { out[i] = inFileOrder(Double(values[i]).bitPattern) }
    }
  }

  private mutating func integers<T: FixedWidthInteger>(
    _ type: T.Type, _ values: UnsafeBufferPointer<Float>, _ target: UnsafeMutableRawBufferPointer
  ) {
    guard let limits = scaling.dataType.limits else { preconditionFailure("an integer type has limits") }
    let out = target.bindMemory(to: T.self)
    for i in 0..<values.count {
      let (number, isClamped) = scaling.stored(values[i], limits: limits)
      if isClamped { clampedCount += 1 }
      out[i] = inFileOrder(T(number))
    }
  }

  private func inFileOrder<T: FixedWidthInteger>(_ number: T) -> T {
    bigEndian ? number.bigEndian : number.littleEndian
  }
}
