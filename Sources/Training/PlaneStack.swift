import DurableFiles
import Foundation
import TensorCore

/// Planes of network values in -1...1, two bytes each (steps of 1/32767: 0.03 HU in a window of ±1000), so that a
/// whole training set stays in memory.
struct PlaneStack: Sendable, Equatable {
  let planes: Int
  let rows: Int
  let columns: Int
  let values: [Int16]

  init(planes: Int, rows: Int, columns: Int, values: [Int16]) {
    precondition(values.count == planes * rows * columns)
    self.planes = planes
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// The planes `[planes, rows, columns]` of a tensor; values beyond ±1 are clipped.
  init(_ tensor: Tensor) {
    precondition(tensor.shape.count == 3)
    let values = tensor.withUnsafeBuffer { source in
      [Int16](unsafeUninitializedCapacity: source.count) { target, count in
        for i in source.indices { target[i] = Int16((min(max(source[i], -1), 1) * 32767).rounded()) }
        count = source.count
      }
    }
    self.init(planes: tensor.shape[0], rows: tensor.shape[1], columns: tensor.shape[2], values: values)
  }

  /// The planes as a volume of one frame, `[1, planes, rows, columns]`.
  var tensor: Tensor {
    var out = Tensor(uninitialized: [1, planes, rows, columns])
    out.withUnsafeMutableBuffer { target in
      for i in target.indices { target[i] = Float(values[i]) / 32767 }
    }
    return out
  }

  /// Where a patch lies and how it is turned.
  struct Cut: Sendable, Equatable {
    var row: Int
    var column: Int
    var height: Int
    var width: Int
    var flipRows = false
    var flipColumns = false
    /// Rows become columns; only for square patches.
    var transpose = false
  }

  /// Writes a patch of one plane to every `stride`-th float from `target` on.
  func write(_ cut: Cut, of plane: Int, to target: UnsafeMutablePointer<Float>, stride: Int) {
    precondition((0..<planes).contains(plane) && cut.row >= 0 && cut.column >= 0)
    precondition(cut.row + cut.height <= rows && cut.column + cut.width <= columns)
    precondition(!cut.transpose || cut.height == cut.width)
    values.withUnsafeBufferPointer { values in
      for y in 0..<cut.height {
        for x in 0..<cut.width {
          let (i, j) = cut.transpose ? (x, y) : (y, x)
          let row = cut.row + (cut.flipRows ? cut.height - 1 - i : i)
          let column = cut.column + (cut.flipColumns ? cut.width - 1 - j : j)
          let value = Float(values[(plane * rows + row) * columns + column]) / 32767
          target[(y * cut.width + x) * stride] = value
        }
      }
    }
  }
}

extension PlaneStack {
  /// Mean squared difference from a stack of the same shape, in squared network units.
  func meanSquaredError(against other: PlaneStack) -> Double {
    precondition(values.count == other.values.count)
    var sum = 0.0
    for (a, b) in zip(values, other.values) {
      let difference = Double(Int32(a) - Int32(b))
      sum += difference * difference
    }
    return sum / (32767 * 32767) / Double(values.count)
  }

  /// Mean squared difference of neighbouring planes, in squared network units; 0 for a single one.
  var neighbourDifference: Double {
    let step = rows * columns
    guard planes > 1 else { return 0 }
    var sum = 0.0
    for i in step..<values.count {
      let difference = Double(Int32(values[i]) - Int32(values[i - step]))
      sum += difference * difference
    }
    return sum / (32767 * 32767) / Double(values.count - step)
  }

  /// Mean squared difference of planes from the mean of the two that lie `distance` before and after, in squared network
  /// units.
  func neighbourError(distance: Int) -> Double {
    guard planes > 2 * distance else { return 0 }
    let step = distance * rows * columns
    var sum = 0.0
    for i in step..<values.count - step {
      let difference = Double(values[i]) - 0.5 * (Double(values[i - step]) + Double(values[i + step]))
      sum += difference * difference
    }
    return sum / (32767 * 32767) / Double(values.count - 2 * step)
  }
}

/// Simulated scans on disk, so that a training run that starts again does not simulate again.
///
/// A file is named by the digest of everything that made it and holds the digest of what it holds: a damaged one is
/// made again.
struct PlaneCache: Sendable {
  /// Nil to keep nothing.
  let folder: URL?

  /// The stored planes, or those that `make` makes, which are then stored.
  func planes(for recipe: String, count: Int, rows: Int, columns: Int, make: () throws -> PlaneStack) throws
    -> PlaneStack
  {
    if let stack = stored(recipe, count: count, rows: rows, columns: columns) { return stack }
    let stack = try make()
    try store(stack, recipe)
    return stack
  }

  func stored(_ recipe: String, count: Int, rows: Int, columns: Int) -> PlaneStack? {
    let bytes = count * rows * columns * 2
    guard let url = url(recipe), let data = try? Data(contentsOf: url), data.count == 64 + bytes else { return nil }
    let payload = data.dropFirst(64)
    guard Data(ContentDigest.sha256(of: Data(payload)).utf8) == data.prefix(64) else { return nil }
    let values = [Int16](unsafeUninitializedCapacity: bytes / 2) { target, filled in
      _ = payload.copyBytes(to: UnsafeMutableRawBufferPointer(target))
      filled = bytes / 2
    }
    return PlaneStack(planes: count, rows: rows, columns: columns, values: values.map(Int16.init(littleEndian:)))
  }

  func store(_ stack: PlaneStack, _ recipe: String) throws {
    guard let folder, let url = url(recipe) else { return }
    try makeFolder(folder)
    let payload = stack.values.map(\.littleEndian).withUnsafeBytes { Data($0) }
    try AtomicFile.write(Data(ContentDigest.sha256(of: payload).utf8) + payload, to: url)
  }

  private func url(_ recipe: String) -> URL? {
    folder?.appendingPathComponent(ContentDigest.sha256(of: Data(recipe.utf8)).prefix(32) + ".planes")
  }
}
