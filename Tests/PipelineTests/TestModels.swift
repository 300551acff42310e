import Diffusion
import Models
import Pipeline
import TensorCore
import Volumes

/// A card for a tiny model; every field that a test cares about is a parameter.
func testCard(
  task: ModelTask = .denoise, conditions: Int = 1, intensity: IntensityContract = .window(low: -1000, high: 1000),
  envelope: InputEnvelope = InputEnvelope(), clampData: Bool = true, multipliers: [Int] = [1, 1, 1]
) -> ModelCard {
  ModelCard(
    name: "test-model", task: task,
    architecture: UNetConfiguration(inputChannels: conditions + 1, baseChannels: 32, channelMultipliers: multipliers),
    labelSet: LabelSetRecord(name: "uniform-10", labels: [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]),
    noiseSchedule: NoiseScheduleRecord(), prediction: PredictionRecord(kind: .data, clampData: clampData),
    intensity: intensity, envelope: envelope)
}

/// Knows the clean image: its data is a function of the condition, whatever the noise.
struct ClosedFormDenoiser: Denoiser {
  let clean: Tensor
  func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    precondition(x.shape == clean.shape)
    return .data(clean)
  }
}

/// The exact model of pixels that are normal around the condition with standard deviation `spread`: results depend on
/// the noise.
struct GaussianDenoiser: Denoiser {
  let mean: Tensor
  let spread: Double
  func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    let node = try NoiseSchedule(named: "linear", betaStart: 1e-4, betaEnd: 0.02, timesteps: 1000).node(label)
    let (a, s) = (node.signal, node.noise)
    let gain = a * spread * spread / (a * a * spread * spread + s * s)
    return .data(.linearCombination([(1 - gain * a, mean), (gain, x)]))
  }
}

/// A volume with given voxels; `values` runs with columns fastest.
func testVolume(
  _ values: [Float], columns: Int, rows: Int, slices: Int, frames: Int = 1, spacing: [Double] = [1, 1, 1],
  type: VoxelDataType = .int16, format: VolumeFileFormat = .nifti1
) -> Volume {
  Volume(
    voxels: Tensor(values, shape: [frames, slices, rows, columns]), affine: .scaling(spacing),
    header: VolumeHeader(format: format, dataType: type))
}

/// Voxels without any pattern in -900...900.
func scrambled(_ count: Int) -> [Float] { (0..<count).map { Float(($0 * 7919 + 13) % 1801) - 900 } }
