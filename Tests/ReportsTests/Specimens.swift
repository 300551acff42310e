import Provenance
import TensorCore
import Volumes

@testable import Reports

/// A volume with given voxels; `values` runs with columns fastest.
func testVolume(
  _ values: [Float], columns: Int, rows: Int, slices: Int, frames: Int = 1, spacing: [Double] = [1, 1, 1],
  format: VolumeFileFormat = .nifti1
) -> Volume {
  Volume(
    voxels: Tensor(values, shape: [frames, slices, rows, columns]), affine: .scaling(spacing),
    header: VolumeHeader(format: format, dataType: .int16))
}

/// A bright ball in air, so that cuts, contrasts and outlines are there; HU.
func ball(columns: Int, rows: Int, slices: Int, noise: Float = 0, seed: UInt64 = 1) -> Tensor {
  let field = PhiloxRandomSource(seed: seed).normal(shape: [1, slices, rows, columns])
  var out = Tensor(repeating: -1000, shape: [1, slices, rows, columns])
  out.withUnsafeMutableBuffer { values in
    field.withUnsafeBuffer { grain in
      for i in 0..<values.count {
        let (x, y, z) = (i % columns, i / columns % rows, i / columns / rows)
        func place(_ index: Int, _ extent: Int) -> Double { (Double(index) + 0.5) / Double(extent) * 2 - 1 }
        let (a, b, c) = (place(x, columns), place(y, rows), place(z, slices))
        if a * a + b * b + c * c < 0.8 { values[i] = 40 }
        values[i] += noise * grain[i]
      }
    }
  }
  return out
}

/// A manifest as a run leaves it.
func testManifest(
  sampler: String = "ddim", flags: [String] = [], metrics: [String: Double] = [:], model: String = "ct-denoise",
  unit: String? = "HU"
) throws -> Manifest {
  try Manifest(
    id: "6f0c1f2e-0000-4000-8000-000000000001", startedAt: "2026-11-21T10:00:00.000Z",
    endedAt: "2026-11-21T10:00:09.000Z", durations: Durations(infer: 8),
    software: SoftwareRecord(name: "pellucid", version: "0.1.0", numericVersion: 2, compiler: "Swift 6.2", libs: [:]),
    model: ModelRecord(
      name: model, version: "1", cardSha256: String(repeating: "c", count: 64),
      weightsSha256: String(repeating: "d", count: 64), licence: "Apache-2.0"),
    parameters: [
      "sampler": .text(sampler), "evaluations": .integer(10), "samples": .integer(1), "seed": .integer(1),
      "labels": .list([.integer(0), .integer(999)]),
    ],
    rng: RandomRecord(algorithm: "philox4x32-10", seed: 1, keying: "(seed, sample, draw, plane, pixel)"),
    inputs: [FileRecord(role: "image", name: "in.nii.gz", sha256: String(repeating: "a", count: 64), bytes: 1000)],
    outputs: [FileRecord(role: "image", name: "out.nii.gz", sha256: String(repeating: "b", count: 64), bytes: 1000)],
    qc: QualityControl(
      metrics: metrics, unit: unit, flags: flags, envelope: EnvelopeRecord(inside: flags.isEmpty, reasons: [])),
    environment: EnvironmentRecord(
      os: "Debian", kernel: "Linux", cpuModel: "CPU", isa: "avx2", blasCore: "Haswell", threads: 2, memoryCap: nil),
    marking: Marking(synthetic: false))
}

/// A page about a denoised ball.
func testPage(
  columns: Int = 64, rows: Int = 60, slices: Int = 24, spacing: [Double] = [0.7, 0.7, 2.5], noise: Float = 60,
  deviation: Tensor? = nil, manifest: Manifest? = nil, command: String = "pellucid run in.nii.gz -o out.nii.gz",
  unit: String = "HU", format: VolumeFileFormat = .nifti1, viewer: Viewer = .off
) throws -> ReportPage {
  var before = testVolume(
    [0], columns: 1, rows: 1, slices: 1, spacing: spacing, format: format)
  before.voxels = ball(columns: columns, rows: rows, slices: slices, noise: noise)
  let after = ball(columns: columns, rows: rows, slices: slices, noise: noise / 10)
  return ReportPage(
    before: before, after: after, deviation: deviation,
    numbers: ReportNumbers(before: before.voxels, after: after), manifest: try manifest ?? testManifest(unit: unit),
    command: command, viewer: viewer)
}
