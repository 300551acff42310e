import DurableFiles

/// Where the fields of a NIfTI header stand (nifti1.h, nifti2.h) and in which byte order: numbers in and out of the raw
/// bytes, without any judgement.
struct NIfTILayout: Equatable {
  /// 1 or 2.
  let version: Int
  let bigEndian: Bool

  /// Length of the header proper.
  var headerSize: Int { version == 1 ? 348 : 540 }
  /// The least offset of voxels in a single file: the header and four bytes that announce extensions.
  var leastOffset: Int { headerSize + 4 }

  /// Tells a header by its first four bytes, its own length in one of the two byte orders; nil if it is none.
  init?(firstBytes: [UInt8]) {
    guard firstBytes.count >= 4 else { return nil }
    let little =
      UInt32(firstBytes[0]) | UInt32(firstBytes[1]) << 8 | UInt32(firstBytes[2]) << 16
      | UInt32(firstBytes[3]) << 24
    switch little {
    case 348: self.init(version: 1, bigEndian: false)
    case 540: self.init(version: 2, bigEndian: false)
    case UInt32(348).byteSwapped: self.init(version: 1, bigEndian: true)
    case UInt32(540).byteSwapped: self.init(version: 2, bigEndian: true)
    default: return nil
    }
  }

  init(version: Int, bigEndian: Bool) {
    self.version = version
    self.bigEndian = bigEndian
  }

  /// A field that is an integer in both versions, with the width that it has in each.
  enum IntegerField { case dim(Int), datatype, bitpix, qformCode, sformCode, units }
  /// A field that is a real number; `voxOffset` is an integer in NIfTI-2.
  enum RealField { case pixdim(Int), voxOffset, slope, intercept, quatern(Int), qoffset(Int), srow(Int, Int) }

  private func place(_ field: IntegerField) -> (offset: Int, width: Int) {
    switch (field, version) {
    case (.dim(let i), 1): (40 + 2 * i, 2)
    case (.dim(let i), _): (16 + 8 * i, 8)
    case (.datatype, 1): (70, 2)
    case (.datatype, _): (12, 2)
    case (.bitpix, 1): (72, 2)
    case (.bitpix, _): (14, 2)
    case (.qformCode, 1): (252, 2)
    case (.qformCode, _): (344, 4)
    case (.sformCode, 1): (254, 2)
    case (.sformCode, _): (348, 4)
    case (.units, 1): (123, 1)
    case (.units, _): (500, 4)
    }
  }

  private func place(_ field: RealField) -> Int {
    switch (field, version) {
    case (.pixdim(let i), 1): 76 + 4 * i
    case (.pixdim(let i), _): 104 + 8 * i
    case (.voxOffset, 1): 108
    case (.voxOffset, _): 168
    case (.slope, 1): 112
    case (.slope, _): 176
    case (.intercept, 1): 116
    case (.intercept, _): 184
    case (.quatern(let i), 1): 256 + 4 * i
    case (.quatern(let i), _): 352 + 8 * i
    case (.qoffset(let i), 1): 268 + 4 * i
    case (.qoffset(let i), _): 376 + 8 * i
    case (.srow(let r, let c), 1): 280 + 16 * r + 4 * c
    case (.srow(let r, let c), _): 400 + 32 * r + 8 * c
    }
  }

  /// Where the signature stands and what it is for this version.
  var magicRange: Range<Int> { version == 1 ? 344..<348 : 4..<12 }
  func magic(pair: Bool) -> [UInt8] {
    let digit = UInt8(ascii: version == 1 ? "1" : "2")
    let start = [UInt8(ascii: "n"), UInt8(ascii: pair ? "i" : "+"), digit, 0]
    return version == 1 ? start : start + [0x0D, 0x0A, 0x1A, 0x0A]
  }

  /// Fields that hold free text: not kept in an output, because they may identify a person.
  var textRanges: [Range<Int>] { textFields.map(\.range) }
  /// The same with their names.
  var textFields: [(name: String, range: Range<Int>)] {
    version == 1
      ? [
        ("data_type", 4..<14), ("db_name", 14..<32), ("descrip", 148..<228), ("aux_file", 228..<252),
        ("intent_name", 328..<344),
      ]
      : [("descrip", 240..<320), ("aux_file", 320..<344), ("intent_name", 508..<524), ("unused_str", 525..<540)]
  }
  /// cal_max and cal_min: the values that a viewer should show as white and black; 0 and 0 say nothing.
  var displayRange: Range<Int> { version == 1 ? 124..<132 : 192..<208 }
  var descriptionRange: Range<Int> { version == 1 ? 148..<228 : 240..<320 }

  func integer(_ field: IntegerField, in bytes: [UInt8]) -> Int {
    let (offset, width) = place(field)
    let shift = 64 - 8 * width
    return Int((Int64(bitPattern: raw(bytes, offset, width)) << shift) >> shift)
  }

  func real(_ field: RealField, in bytes: [UInt8]) -> Double {
    let offset = place(field)
    if version == 1 { return Double(Float(bitPattern: UInt32(raw(bytes, offset, 4)))) }
    if case .voxOffset = field { return Double(Int64(bitPattern: raw(bytes, offset, 8))) }
    return Double(bitPattern: raw(bytes, offset, 8))
  }

  func set(_ field: IntegerField, to value: Int, in bytes: inout [UInt8]) {
    let (offset, width) = place(field)
    put(UInt64(bitPattern: Int64(value)), &bytes, offset, width)
  }

  func set(_ field: RealField, to value: Double, in bytes: inout [UInt8]) {
    let offset = place(field)
    if version == 1 {
      put(UInt64(Float(value).bitPattern), &bytes, offset, 4)
    } else if case .voxOffset = field {
      put(UInt64(bitPattern: Int64(value)), &bytes, offset, 8)
    } else {
      put(value.bitPattern, &bytes, offset, 8)
    }
  }

  /// A 32-bit integer of an extension, in the header's byte order.
  func extensionSize(_ bytes: [UInt8]) -> Int { Int(Int32(truncatingIfNeeded: raw(bytes, 0, 4))) }

  /// Writes the header's own length into its first four bytes.
  func setSize(in bytes: inout [UInt8]) { put(UInt64(headerSize), &bytes, 0, 4) }

  private func raw(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 << 8 | UInt64(bytes[offset + (bigEndian ? $1 : width - 1 - $1)]) }
  }

  private func put(_ value: UInt64, _ bytes: inout [UInt8], _ offset: Int, _ width: Int) {
    for i in 0..<width {
      bytes[offset + (bigEndian ? width - 1 - i : i)] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i))
    }
  }
}
