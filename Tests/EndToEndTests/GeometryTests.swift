import DurableFiles
import Foundation
import Provenance
import TensorCore
import TestSupport
import Testing
import Volumes

/// One way in which scanners store a volume.
struct ScanGeometry: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// Columns, rows, slices as stored.
  var dimensions: [Int]
  /// Voxel size in mm along them.
  var spacing: [Double]
  /// The scanner axis that each stored axis is nearest to: 0 left-right, 1 back-front, 2 feet-head.
  var world = [0, 1, 2]
  /// Stored axes that run towards left, back or feet, as most scanners' do.
  var reversed: Set<Int> = []
  /// Rotation about the left-right axis in degrees.
  var tilt = 0.0
  /// What the record must say.
  var plane: String
  var axis = 2
  /// What must be warned about.
  var warning: String?

  var affine: Affine {
    let (c, s) = (cos(tilt * .pi / 180), sin(tilt * .pi / 180))
    let turn: [[Double]] = [[1, 0, 0], [0, c, -s], [0, s, c]]
    let steps: [Double] = (0..<3).map { reversed.contains($0) ? -spacing[$0] : spacing[$0] }
    let rows = (0..<3).map { row -> [Double] in
      let turned: [Double] = (0..<3).map { turn[row][world[$0]] * steps[$0] }
      return turned + [Double(10 * row - 90)]
    }
    return Affine(rows: rows)
  }

  /// A tube of soft tissue with a pattern in it, in air.
  func volume() -> Volume {
    let (columns, rows) = (dimensions[0], dimensions[1])
    let values = (0..<dimensions.reduce(1, *)).map { i -> Float in
      let (x, y, z) = (i % columns, i / columns % rows, i / columns / rows)
      let (u, v) = (2 * Float(x) / Float(columns) - 1, 2 * Float(y) / Float(rows) - 1)
      return u * u + v * v < 0.7 ? Float((x * 277 + y * 131 + z * 293) % 1001 - 500) : -1000
    }
    return Volume(
      voxels: Tensor(values, shape: [1, dimensions[2], rows, columns]), affine: affine,
      header: VolumeHeader(format: .nifti1, dataType: .int16))
  }

  static let all: [ScanGeometry] = [
    .init(testDescription: "cubes of 0.75 mm", dimensions: [96, 112, 3], spacing: [0.75, 0.75, 0.75], plane: "axial"),
    .init(
      testDescription: "1024 × 1024, one slice", dimensions: [1024, 1024, 1], spacing: [0.4, 0.4, 5], plane: "axial"),
    .init(
      testDescription: "one slice of long pixels", dimensions: [96, 112, 1], spacing: [0.95, 0.7, 0.6], plane: "axial"),
    .init(testDescription: "1024 × 96", dimensions: [1024, 96, 2], spacing: [0.5, 0.5, 5], plane: "axial"),
    .init(testDescription: "500 slices", dimensions: [96, 96, 500], spacing: [0.9, 0.9, 1.25], plane: "axial"),
    .init(
      testDescription: "pixels that are no squares", dimensions: [96, 120, 4], spacing: [0.95, 0.5, 3], plane: "axial"),
    .init(testDescription: "oblique", dimensions: [96, 100, 6], spacing: [0.8, 0.8, 4], tilt: 30, plane: "axial"),
    .init(
      testDescription: "sagittal stack", dimensions: [100, 96, 5], spacing: [0.8, 0.8, 5], world: [1, 2, 0],
      plane: "sagittal"),
    .init(
      testDescription: "coronal stack", dimensions: [100, 96, 5], spacing: [0.8, 0.8, 5], world: [0, 2, 1],
      plane: "coronal"),
    .init(
      testDescription: "cubes stored as sagittal slices", dimensions: [40, 24, 36], spacing: [1, 1, 1],
      world: [1, 2, 0],
      plane: "axial", axis: 1),
    .init(
      testDescription: "a stack that runs along the columns", dimensions: [6, 64, 80], spacing: [5, 0.8, 0.8],
      world: [2, 0, 1], plane: "axial", axis: 0),
    .init(
      testDescription: "as DICOM runs, to the left and back", dimensions: [96, 100, 6], spacing: [0.8, 0.8, 4],
      reversed: [0, 1], plane: "axial"),
    .init(
      testDescription: "cubes, sagittal slices from head to feet", dimensions: [40, 24, 36], spacing: [1, 1, 1],
      world: [1, 2, 0], reversed: [0, 1, 2], plane: "axial", axis: 1),
    .init(
      testDescription: "voxels of 1.5 mm", dimensions: [64, 64, 3], spacing: [1.5, 1.5, 5], plane: "axial",
      warning: "column spacing 1.5 mm"),
    .init(
      testDescription: "slices of 8 mm", dimensions: [64, 64, 3], spacing: [0.8, 0.8, 8], plane: "axial",
      warning: "slice spacing 8 mm"),
  ]
}

@Suite("Geometry: whatever a scanner makes is cut rightly and lies where it lay") struct GeometryTests {
  private func restored(_ geometry: ScanGeometry, _ scene: Scene) throws -> (volume: Volume, manifest: Manifest) {
    let input = scene.inputs.appendingPathComponent("scan.nii")
    try VolumeFile.write(geometry.volume(), to: input, options: .init(ifExists: .replace))
    let outcome = try scene.execute(
      scene.run(input.path, to: "clear.nii", "--steps", "2", "--dtype", "float32", "--if-exists", "replace"))
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    let output = scene.outputs.appendingPathComponent("clear.nii")
    return (try VolumeFile.read(output), try Manifest.read(Manifest.location(for: output)))
  }

  @Test(arguments: ScanGeometry.all) func `the plane is chosen, recorded, and the grid kept`(_ geometry: ScanGeometry)
    throws
  {
    try Scene.with { scene in
      let (volume, manifest) = try restored(geometry, scene)
      #expect(manifest.qc.slicing == SlicingRecord(plane: geometry.plane, axis: geometry.axis))
      #expect([volume.columns, volume.rows, volume.slices] == geometry.dimensions)
      for (found, expected) in zip(volume.affine.rows.joined(), geometry.affine.rows.joined()) {
        #expect(abs(found - expected) < 1e-4)
      }
      // Voxels are near what they were, as the network's share is a tenth of the window; of two at random every other is not.
      let before = geometry.volume().voxels.values
      let moved = zip(volume.voxels.values, before).count { abs($0 - $1) > 250 }
      #expect(moved * 100 < before.count)
      let warnings = manifest.qc.flags.filter { $0.hasPrefix("W-ENVELOPE") }
      if let warning = geometry.warning {
        #expect(warnings.count == 1 || warnings.count == 2)
        #expect(warnings.contains { $0.contains(warning) }, "\(warnings)")
      } else {
        #expect(warnings.isEmpty, "\(warnings)")
      }
    }
  }

  @Test func `evaluate counts the slices that the network sees, and takes them from where they lie`() throws {
    try Scene.with { scene in
      let sagittal = ScanGeometry(
        testDescription: "", dimensions: [40, 24, 36], spacing: [1, 1, 1], world: [1, 2, 0], plane: "axial", axis: 1)
      let input = scene.inputs.appendingPathComponent("scan.nii")
      try VolumeFile.write(sagittal.volume(), to: input)
      var cleaner = sagittal.volume()
      cleaner.voxels = .linearCombination([(0.9, cleaner.voxels)])
      let truth = scene.inputs.appendingPathComponent("truth.nii")
      try VolumeFile.write(cleaner, to: truth)
      let outcome = try scene.execute([
        "evaluate", "--model", scene.model.path, "--data", truth.path, "--input", input.path, "--slices", "20-23",
        "--no-baselines", "--steps", "1", "--json",
      ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      // 24 of them lie one above the other, 36 are stored: 4 of 24 are there, 30-33 are not.
      #expect(outcome.standardOutput.contains(#""slices" : 4"#), "\(outcome.standardOutput)")
      let beyond = try scene.execute([
        "evaluate", "--model", scene.model.path, "--data", truth.path, "--input", input.path, "--slices", "30-33",
        "--no-baselines", "--steps", "1",
      ])
      #expect(beyond.exitCode == 64 && beyond.errorLines.last?.contains("has slices 0-23") == true, "\(beyond)")
    }
  }

  @Test func `the same head gives the same voxels, stored as axial, sagittal or coronal slices`() throws {
    try Scene.with { scene in
      let axial = ScanGeometry(
        testDescription: "axial", dimensions: [40, 36, 24], spacing: [1, 1, 1], plane: "axial")
      let expected = try restored(axial, scene).volume
      for order in [[1, 2, 0], [0, 2, 1], [2, 1, 0]] {
        let source = axial.volume()
        let extents = order.map { axial.dimensions[$0] }
        func stored(_ volume: Volume) -> [Float] {
          (0..<extents.reduce(1, *)).map { i in
            var place = [0, 0, 0]
            place[order[0]] = i % extents[0]
            place[order[1]] = i / extents[0] % extents[1]
            place[order[2]] = i / extents[0] / extents[1]
            return volume.voxels[flat: (place[2] * 36 + place[1]) * 40 + place[0]]
          }
        }
        let input = scene.inputs.appendingPathComponent("other.nii")
        let rows = source.affine.rows.map { row in order.map { row[$0] } + [row[3]] }
        try VolumeFile.write(
          Volume(
            voxels: Tensor(stored(source), shape: [1, extents[2], extents[1], extents[0]]), affine: Affine(rows: rows),
            header: source.header), to: input, options: .init(ifExists: .replace))
        let outcome = try scene.execute(
          scene.run(input.path, to: "other.nii", "--steps", "2", "--dtype", "float32", "--if-exists", "replace"))
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(
          try VolumeFile.read(scene.outputs.appendingPathComponent("other.nii")).voxels.values == stored(expected))
      }
    }
  }
}
