import Foundation
import Models
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Training

@Suite struct PairedDatasetTests {
  /// 4 planes of 6 × 6 whose value says where it is.
  static let stack = PlaneStack(planes: 4, rows: 6, columns: 6, values: (0..<144).map(place))

  static func place(_ index: Int) -> Int16 {
    let plane = index / 36, row = index / 6 % 6, column = index % 6
    return Int16(100 * plane + 10 * row + column)
  }

  static func patch(_ cut: PlaneStack.Cut, plane: Int = 2) -> [Int] {
    var out = [Float](repeating: 0, count: cut.height * cut.width)
    out.withUnsafeMutableBufferPointer { stack.write(cut, of: plane, to: $0.baseAddress!, stride: 1) }
    return out.map { Int(($0 * 32767).rounded()) }
  }

  @Test func `patches are cut, mirrored and transposed as they say`() {
    var cut = PlaneStack.Cut(row: 1, column: 3, height: 2, width: 2)
    #expect(Self.patch(cut) == [213, 214, 223, 224])
    cut.flipRows = true
    #expect(Self.patch(cut) == [223, 224, 213, 214])
    cut.flipRows = false
    cut.flipColumns = true
    #expect(Self.patch(cut) == [214, 213, 224, 223])
    cut.flipColumns = false
    cut.transpose = true
    #expect(Self.patch(cut) == [213, 223, 214, 224])
  }

  @Test func `network values survive two bytes`() throws {
    let values = Tensor([-1, -0.123456, 0, 0.5, 1, 1.5], shape: [1, 2, 3])
    let stack = PlaneStack(values)
    var out = [Float](repeating: 0, count: 6)
    out.withUnsafeMutableBufferPointer {
      stack.write(.init(row: 0, column: 0, height: 2, width: 3), of: 0, to: $0.baseAddress!, stride: 1)
    }
    for (a, b) in zip(out, [-1, -0.123456, 0, 0.5, 1, 1] as [Float]) { #expect(abs(a - b) <= 0.5 / 32767) }
  }

  static func dataset(
    _ weights: [Double], fromNeighbours: Bool = false, offsets given: [Int]? = nil
  ) throws -> PairedDataset {
    let offsets = given ?? (fromNeighbours ? [0, 1] : [0])
    return PairedDataset(
      entries: weights.map {
        PairedDataset.Entry(
          name: "", weight: $0,
          variants: [
            fromNeighbours
              ? .init(level: 0, target: stack, gap: 2) : .init(level: 0, target: stack, condition: stack)
          ])
      }, conditions: try ConditionSlices(offsets, task: fromNeighbours ? .superResolve : .denoise))
  }

  @Test func `samples follow the weights and stay inside`() throws {
    let dataset = try Self.dataset([1, 3])
    let random = PhiloxRandomSource(seed: 1)
    let places = (0..<4000).map { dataset.draw(size: 3, flips: true, random, $0) }
    let share = Double(places.count { $0.entry == 1 }) / 4000
    #expect(abs(share - 0.75) < 0.03)
    #expect(Set(places.map(\.plane)) == [0, 1, 2, 3])
    #expect(Set(places.map(\.cut.row)) == [0, 1, 2, 3])
    #expect(places.count { $0.cut.transpose } > 1800)
  }

  @Test func `the same step draws the same patches, another step others`() throws {
    let dataset = try Self.dataset([1])
    let settings = TrainingConfiguration.PatchSettings(sizes: [4], batch: 5, flips: true)
    let first = dataset.batch(settings, seed: 3, step: 10)
    #expect(dataset.batch(settings, seed: 3, step: 10).targets == first.targets)
    #expect(dataset.batch(settings, seed: 3, step: 11).targets != first.targets)
    #expect(dataset.batch(settings, seed: 4, step: 10).targets != first.targets)
    // Condition and target are cut alike.
    #expect(first.conditions.values == first.targets.values)
  }

  @Test func `steps draw their patch size as often as it is listed, and fewer of the larger`() throws {
    let dataset = try Self.dataset([1])
    let settings = TrainingConfiguration.PatchSettings(sizes: [2, 2, 2, 4], batch: 5, flips: true)
    var shapes: [[Int]: Int] = [:]
    for step in 1...400 { shapes[dataset.batch(settings, seed: 1, step: step).targets.shape, default: 0] += 1 }
    // Five of 2 × 2; in place of these 1.25, so one, of 4 × 4.
    #expect(Set(shapes.keys) == [[5, 2, 2, 1], [1, 4, 4, 1]])
    #expect(abs((shapes[[5, 2, 2, 1]] ?? 0) - 300) < 35)
    #expect(TrainingConfiguration.PatchSettings(sizes: [64, 512], batch: 16, flips: true).count(ofSize: 512) == 1)
  }

  @Test func `in pairs every second patch is of the next slice, at the same place and in even number`() throws {
    let dataset = try Self.dataset([1])
    var planes: Set<Int> = []
    for step in 1...20 {
      let batch = dataset.batch(.init(sizes: [3], batch: 7, flips: true), pairs: true, seed: 2, step: step)
      #expect(batch.targets.shape == [6, 3, 3, 1])
      let values = batch.targets.values.map { Int(($0 * 32767).rounded()) }
      for i in 0..<54 where i / 9 % 2 == 0 {
        #expect(values[i + 9] == values[i] + 100)
        planes.insert(values[i] / 100)
      }
      #expect(batch.conditions.values == batch.targets.values)
      // The planes are 100 steps of two bytes apart.
      #expect(batch.sliceDifferences.allSatisfy { abs($0 * 32767 * 32767 - 10000) < 1e-3 })
    }
    #expect(planes == [0, 1, 2])
    // Where only one patch fits, there are two all the same.
    #expect(
      dataset.batch(.init(sizes: [2, 4], batch: 1, flips: true), pairs: true, seed: 2, step: 1).targets.shape[0] == 2)
  }

  @Test func `the difference of slices is that of neighbours, or from their mean where one is made`() {
    let ramp = PlaneStack(Tensor([0, 0.5, 0.25, 0.5], shape: [4, 1, 1]))
    let flat = PlaneStack(Tensor(repeating: 0, shape: [4, 1, 1]))
    let grid = PairedDataset.Variant(level: 1, target: ramp, condition: flat)
    #expect(abs(grid.sliceDifference - (0.25 + 0.0625 + 0.0625) / 3) < 1e-4)
    let made = PairedDataset.Variant(level: 1, target: ramp, gap: 2)
    #expect(made.sliceDifference == made.inputError)
    #expect(PlaneStack(Tensor(repeating: 1, shape: [1, 2, 2])).neighbourDifference == 0)
  }

  @Test func `the error of an input is the mean square of its difference from the target`() {
    let target = PlaneStack(Tensor(repeating: 0.25, shape: [3, 2, 2]))
    let condition = PlaneStack(
      Tensor([0.25, 0.25, 0.25, 0.75, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, -0.25], shape: [3, 2, 2]))
    #expect(abs(PairedDataset.Variant(level: 1, target: target, condition: condition).inputError - 0.5 / 12) < 1e-5)
    let ramp = PlaneStack(Tensor([0, 0.5, 0.25, 0.5], shape: [4, 1, 1]))
    // 0.5 − (0 + 0.25)/2 = 0.375 and 0.25 − 0.5 = −0.25.
    let expected = (0.375 * 0.375 + 0.25 * 0.25) / 2
    #expect(abs(PairedDataset.Variant(level: 1, target: ramp, gap: 2).inputError - expected) < 1e-4)
  }

  @Test func `neighbours are conditions of their own, mirrored at the ends`() throws {
    let dataset = try Self.dataset([1], offsets: [-1, 0, 1])
    let batch = dataset.batch(.init(sizes: [4], batch: 64, flips: true), seed: 1, step: 1)
    let targets = batch.targets.values, conditions = batch.conditions.values
    var seen: Set<[Int]> = []
    for i in targets.indices {
      #expect(conditions[3 * i + 1] == targets[i])
      seen.insert([0, 2].map { Int(((conditions[3 * i + $0] - targets[i]) * 32767 / 100).rounded()) })
    }
    // The first of the four planes shows its second twice, the last its last but one.
    #expect(seen == [[1, 1], [-1, 1], [-1, -1]])
  }

  @Test func `a gap may be wider than two planes, and more than two slices may be seen`() throws {
    let stack = PlaneStack(Tensor((0..<13).map { Float($0) / 20 }, shape: [13, 1, 1]))
    let variant = PairedDataset.Variant(level: 4, target: stack, gap: 4)
    #expect(variant.usablePlanes == 2..<11)
    #expect([-1, 0, 1, 2].map { variant.conditionPlane($0, for: 6) } == [0, 4, 8, 12])
    // Beyond the first and the last slice of a volume with this gap it is mirrored.
    #expect([-1, 0, 1, 2].map { variant.conditionPlane($0, for: 3) } == [5, 1, 5, 9])
    #expect([-1, 0, 1, 2].map { variant.conditionPlane($0, for: 10) } == [4, 8, 12, 8])
    #expect(variant.inputError < 1e-8)
  }

  @Test func `the noise level is one more channel, told with the error that estimates have`() throws {
    var variant = PairedDataset.Variant(level: 0, target: Self.stack, condition: Self.stack)
    variant.noiseLevel = 0.1
    let dataset = PairedDataset(
      entries: [.init(name: "", weight: 1, variants: [variant])], conditions: try ConditionSlices([0], task: .denoise),
      noiseLevel: .init(scale: 5, jitter: 0.2))
    let batch = dataset.batch(.init(sizes: [4], batch: 64, flips: true), seed: 1, step: 1)
    #expect(batch.conditions.shape == [64, 4, 4, 2])
    let told = batch.conditions.values.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    let levels = stride(from: 0, to: told.count, by: 16).map { told[$0] }
    for (i, value) in told.enumerated() { #expect(value == levels[i / 16]) }
    #expect(levels.allSatisfy { (0.4...0.6).contains($0) } && (levels.max() ?? 0) > 0.58 && (levels.min() ?? 1) < 0.42)
    #expect(dataset.fitted(for: try TrainingConfiguration(yaml: TinyTraining.yaml())).noiseLevels == [0.1, 0.1])
  }

  @Test func `an intensity map holds the mean target of each condition value, and lines where there is none`() throws {
    // 0 → 0.5, 0.5 → -0.5 or -0.25; nothing lies in between or outside.
    let condition = PlaneStack(Tensor([0, 0.5, 0.5, 0], shape: [1, 2, 2]))
    let target = PlaneStack(Tensor([0.5, -0.5, -0.25, 0.5], shape: [1, 2, 2]))
    var variant = PairedDataset.Variant(level: 0, target: target, condition: condition)
    variant.targetRange = [10, 250]
    var configuration = try TrainingConfiguration(yaml: TinyTraining.yaml())
    configuration.prediction.skip = .intensityMap
    var brighter = variant
    brighter.targetRange = [30, 650]
    let dataset = PairedDataset(
      entries: [
        .init(name: "", weight: 1, variants: [variant, variant]), .init(name: "", weight: 3, variants: [brighter]),
      ], conditions: try ConditionSlices([0], task: .translate))
    let fitted = dataset.fitted(for: configuration)
    // Three of four samples are of the second scan.
    #expect(fitted.outputRange == [25, 550] && fitted.noiseLevels == nil)
    let map = try #require(fitted.intensityMap)
    for (knot, expected) in [(0, 0.5), (32, 0.5), (40, 0.0625), (48, -0.375), (64, -0.375)] as [(Int, Float)] {
      #expect(abs(map[knot] - expected) < 1e-4)
    }
  }

  @Test func `for super-resolution the conditions are the neighbours`() throws {
    let dataset = try Self.dataset([1], fromNeighbours: true)
    let batch = dataset.batch(.init(sizes: [4], batch: 8, flips: true), seed: 1, step: 1)
    let targets = batch.targets.values, conditions = batch.conditions.values
    for i in targets.indices {
      #expect(Int(((targets[i] - conditions[2 * i]) * 32767).rounded()) == 100)
      #expect(Int(((conditions[2 * i + 1] - targets[i]) * 32767).rounded()) == 100)
    }
  }

  @Test func `simulated scans are made once, and a damaged cache file is made again`() throws {
    try withTemporaryFolder { folder in
      let cache = PlaneCache(folder: folder.appendingPathComponent("cache"))
      var made = 0
      func planes() throws -> PlaneStack {
        try cache.planes(for: "recipe", count: 4, rows: 6, columns: 6) {
          made += 1
          return Self.stack
        }
      }
      #expect(try planes() == Self.stack)
      #expect(try planes() == Self.stack)
      #expect(made == 1)
      let folder = try #require(cache.folder)
      let file = try #require(
        FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).first)
      var bytes = try Data(contentsOf: file)
      bytes[100] ^= 1
      try bytes.write(to: file)
      #expect(try planes() == Self.stack)
      #expect(made == 2)
    }
  }

  @Test func `a margin is air of the scan's smallest value, which gets noise like all else`() throws {
    try withTemporaryFolder { folder in
      let yaml = TinyTraining.yaml().replacingOccurrences(of: "slices: 0-3", with: "slices: 0-3, margin: 5")
      func target(_ yaml: String) throws -> (stack: PlaneStack, condition: PlaneStack) {
        let dataset = try TinyTraining.dataset(try TrainingConfiguration(yaml: yaml), in: TinyTraining.folder(folder))
        let variant = dataset.entries[0].variants[0]
        return (variant.target, try #require(variant.condition))
      }
      let (plain, wide) = (try target(TinyTraining.yaml()), try target(yaml))
      let (rows, columns) = (plain.stack.rows, plain.stack.columns)
      #expect(wide.stack.rows == rows + 10 && wide.stack.columns == columns + 10)
      let (small, large) = (plain.stack.tensor.values, wide.stack.tensor.values)
      let smallest = small.min()
      var noisy = 0
      for plane in 0..<wide.stack.planes {
        for row in 0..<rows + 10 {
          for column in 0..<columns + 10 {
            let index = (plane * (rows + 10) + row) * (columns + 10) + column
            if (5..<rows + 5).contains(row), (5..<columns + 5).contains(column) {
              #expect(large[index] == small[(plane * rows + row - 5) * columns + column - 5])
            } else {
              #expect(large[index] == smallest)
              if wide.condition.tensor.values[index] != large[index] { noisy += 1 }
            }
          }
        }
      }
      #expect(noisy > 0)
    }
  }

  /// A volume of 12 columns, 14 rows and 13 slices whose values say where they are.
  private static func places(format: VolumeFileFormat = .nifti1) -> Volume {
    var voxels = Tensor(repeating: 0, shape: [1, 13, 14, 12])
    voxels.withUnsafeMutableBuffer { values in for i in values.indices { values[i] = Float(i) / 25 } }
    return Volume(
      voxels: voxels, affine: .scaling([1, 1, 1]), header: VolumeHeader(format: format, dataType: .float32))
  }

  private static func places(_ plane: String, format: VolumeFileFormat = .nifti1, in folder: URL) throws -> PlaneStack {
    let yaml = TinyTraining.yaml().replacingOccurrences(of: "slices: 0-3", with: "slices: 1-10, plane: \(plane)")
    let configuration = try TrainingConfiguration(yaml: yaml)
    return try PairedDataset(
      [configuration.training[0]], of: configuration, folder: TinyTraining.folder(folder),
      cache: folder.appendingPathComponent("cache"), realisations: 1, seed: 1,
      read: { _ in places(format: format) }, progress: { _ in }
    ).entries[0].variants[0].target
  }

  @Test func `what is used of a scan is cut as the entry says`() throws {
    try withTemporaryFolder { folder in
      // Columns, rows and planes of each cut, as axes of the file.
      for (plane, axes) in [
        ("stored", [0, 1, 2]), ("axial", [0, 1, 2]), ("coronal", [0, 2, 1]), ("sagittal", [1, 2, 0]),
      ] {
        let stack = try Self.places(plane, in: folder)
        let extents = axes.map { [12, 14, 10][$0] }
        #expect([stack.columns, stack.rows, stack.planes] == extents)
        for i in stack.values.indices {
          let here = [i % extents[0], i / extents[0] % extents[1], i / extents[0] / extents[1]]
          var at = [0, 0, 1]
          for axis in 0..<3 { at[axes[axis]] += here[axis] }
          let value = Double(at[0] + 12 * (at[1] + 14 * at[2])) / 25
          #expect(abs(Double(stack.values[i]) / 32767 - (value / 50 - 1)) < 1e-4)
        }
      }
    }
  }

  @Test func `what was simulated of one cut is not taken for another of the same extents`() throws {
    try withTemporaryFolder { folder in
      let cube = Tensor((0..<1000).map { Float($0) / 25 }, shape: [1, 10, 10, 10])
      let noisy = try ["coronal", "sagittal", "coronal"].map { plane in
        let yaml = TinyTraining.yaml().replacingOccurrences(of: "slices: 0-3", with: "slices: 0-9, plane: \(plane)")
        let configuration = try TrainingConfiguration(yaml: yaml)
        return try PairedDataset(
          [configuration.training[0]], of: configuration, folder: TinyTraining.folder(folder),
          cache: folder.appendingPathComponent("cache"), realisations: 1, seed: 1,
          read: { _ in Phantoms.volume(cube) }, progress: { _ in }
        ).entries[0].variants[0].condition
      }
      #expect(noisy[0] != noisy[1] && noisy[0] == noisy[2] && noisy[0] != nil)
    }
  }

  @Test func `a cut that an image does not have is refused, and so is one of too few slices`() throws {
    try withTemporaryFolder { folder in
      #expect {
        try Self.places("coronal", format: .png, in: folder)
      } throws: { "\($0)".contains("leave plane: coronal out") }
      #expect(try Self.places("stored", format: .png, in: folder).planes == 10)
      let yaml = TinyTraining.yaml().replacingOccurrences(
        of: "slices: 0-3", with: "slices: 0-3, plane: sagittal, margin: 9")
      let configuration = try TrainingConfiguration(yaml: yaml)
      func dataset(columns: Int) throws -> PairedDataset {
        try PairedDataset(
          [configuration.training[0]], of: configuration, folder: TinyTraining.folder(folder),
          cache: folder.appendingPathComponent("cache"), realisations: 1, seed: 1,
          read: { _ in Phantoms.volume(Tensor(repeating: 50, shape: [1, 6, 16, columns])) }, progress: { _ in })
      }
      #expect(try dataset(columns: 3).entries[0].variants[0].target.planes == 3)
      #expect { try dataset(columns: 2) } throws: { "\($0)".contains("2 sagittal slices, too few") }
    }
  }

  @Test func `pairs are target and condition, and lie in one place or are told not to`() throws {
    try withTemporaryFolder { folder in
      var told: [String] = []
      func variant(_ plane: String, shift: Double) throws -> PairedDataset.Variant {
        let yaml = TinyTraining.yaml().replacingOccurrences(of: "task: denoise", with: "task: translate")
          .replacingOccurrences(of: "degradation: {kind: rician, levels: [0.05, 0.1]}\n", with: "")
          .replacingOccurrences(of: "slices: 0-3", with: "condition: b.nii, slices: 1-10, plane: \(plane)")
          .replacingOccurrences(of: "slices: 1-2", with: "condition: a.nii, slices: 1-10")
          .replacingOccurrences(of: "slices: 4-5", with: "condition: a.nii, slices: 1-10")
        let configuration = try TrainingConfiguration(yaml: yaml)
        return try PairedDataset(
          [configuration.training[0]], of: configuration, folder: TinyTraining.folder(folder),
          cache: folder.appendingPathComponent("cache"), realisations: 1, seed: 1,
          read: { url in
            var volume = Self.places()
            guard url.lastPathComponent == "b.nii" else { return volume }
            volume.affine.rows[0][3] += shift
            volume.voxels.withUnsafeMutableBuffer { values in for i in values.indices { values[i] *= 0.5 } }
            return volume
          }, progress: { told.append($0) }
        ).entries[0].variants[0]
      }
      let (near, stored) = (try variant("coronal", shift: 0.4), try variant("stored", shift: 0.4))
      #expect(near.target.planes == 14 && stored.target.planes == 10 && told.isEmpty)
      let condition = try #require(near.condition)
      // Half of the target's value, of which -1 is none.
      for (half, whole) in zip(condition.values, near.target.values) {
        #expect(abs(2 * (Int(half) + 32767) - (Int(whole) + 32767)) <= 2)
      }
      #expect(near.targetRange == [0, 100])
      _ = try variant("stored", shift: 0.6)
      #expect(
        told == ["warning: b.nii and a.nii lie in different places, up to 0.6 mm apart; they are taken voxel by voxel"])
      #expect {
        try variant("coronal", shift: 0.6)
      } throws: { "\($0)".contains("up to 0.6 mm apart: correct their headers, or leave plane: coronal out") }
    }
  }

  @Test(arguments: [
    (["intensity: {window: [0, 100]}": "intensity: {window: [900, 1000]}\nnoiseLevel: {scale: 1}"], "shows no noise"),
    (
      [
        "task: denoise": "task: super-resolve",
        "{kind: rician, levels: [0.05, 0.1]}": "{kind: thick-slices, levels: [4]}",
        "slices: 0-3": "slices: 0-2", "slices: 1-2": "slices: 0-2", "slices: 4-5": "slices: 3-5",
      ], "a.nii has 3 slices, too few for slices of 4"
    ),
  ])
  func `scans that show no noise, or have too few slices, are refused by name`(changes: [String: String], says: String)
    throws
  {
    try withTemporaryFolder { folder in
      var yaml = TinyTraining.yaml()
      for (from, to) in changes { yaml = yaml.replacingOccurrences(of: from, with: to) }
      let configuration = try TrainingConfiguration(yaml: yaml)
      #expect {
        try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder))
      } throws: { ($0 as? TrainingError)?.kind == .data && "\($0)".contains(says) }
    }
  }

  @Test func `slices that are not there and patches that do not fit are refused`() throws {
    try withTemporaryFolder { folder in
      for (from, to) in [("slices: 0-3", "slices: 0-6"), ("sizes: [8]", "sizes: [20]")] {
        let configuration = try TrainingConfiguration(
          yaml: TinyTraining.yaml().replacingOccurrences(of: from, with: to))
        #expect {
          try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder))
        } throws: { ($0 as? TrainingError)?.kind == .data }
      }
    }
  }
}
