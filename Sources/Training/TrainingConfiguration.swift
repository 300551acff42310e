public import Models

/// What a training run does, as its YAML file says (`Workflows/training/`).
///
/// The network, its data, how they are made worse, and how long to train: everything that decides the weights. Where
/// the data lie is not part of it: paths are relative to a folder that is given when the run starts.
public struct TrainingConfiguration: Sendable, Equatable {
  /// Name of the model.
  public var name: String
  /// What the model does.
  public var task: ModelTask
  /// The slices that the network sees as conditions.
  public var conditions: ConditionSlices
  /// The network.
  public var architecture: UNetConfiguration
  /// Name of the label set.
  public var labelSet: String
  /// Weight of each label in the loss, in the order of the labels; nil for equal weights.
  public var labelWeights: [Double]?
  /// The noise schedule.
  public var schedule: NoiseScheduleRecord
  /// What the network predicts.
  public var prediction: PredictionRecord
  /// How voxel values become network values.
  public var intensity: IntensityContract
  /// What the network is told of its input's noise; nil for nothing.
  public var noiseLevel: NoiseLevelSettings?
  /// The inputs that the model is meant for.
  public var envelope: InputEnvelope
  /// How the training inputs are made from clean scans; nil for paired data and for super-resolution.
  public var degradation: DegradationSettings?
  /// What it trains on.
  public var training: [DataEntry]
  /// What it is measured on while it trains; never trained on.
  public var validation: [DataEntry]
  /// What the loss allows for.
  public var loss: LossSettings
  /// How patches are cut.
  public var patches: PatchSettings
  /// How the weights follow the loss.
  public var optimizer: OptimizerSettings
  /// How often the run says and saves what.
  public var schedules: ReportSettings
  /// Seed of everything random.
  public var seed: UInt64
  /// Licence of the weights.
  public var licence: String?
  /// What to cite.
  public var citation: [String]
  /// What the model is for, and what not.
  public var intendedUse: String?
  /// The file, whole.
  public var text: String

  /// How clean scans are made worse.
  public struct DegradationSettings: Sendable, Equatable {
    /// Kind, strengths and parameters.
    public var record: DegradationRecord
    /// Simulated scans per strength: how many different noises a slice is seen with.
    public var realisations: Int
  }

  /// One more condition channel: the noise level of the input, as `NoiseLevel.estimate` finds it.
  public struct NoiseLevelSettings: Sendable, Equatable {
    /// The channel's value for a standard deviation of 1 in network units.
    public var scale: Double
    /// Every patch is told a level that is wrong by up to this share, as estimates are.
    public var jitter: Double
  }

  /// A way of cutting a scan; the same head cut another way is other anatomy to a network.
  public enum Plane: String, Sendable, CaseIterable {
    /// As the file stores it.
    case stored
    case axial, coronal, sagittal
  }

  /// Some slices of one scan.
  public struct DataEntry: Sendable, Equatable {
    /// File of the target, below the data folder.
    public var path: String
    /// File of the condition on the same grid; nil when it is made from the target.
    public var condition: String?
    /// Slices that are used, first and last, as the file stores them.
    public var slices: ClosedRange<Int>
    /// How what is used is cut into the slices that the network sees.
    public var plane = Plane.stored
    /// Pixels of air, the scan's smallest value, that are put around each slice before anything is made of it: scanners leave
    /// more of it around a patient than a data set that was cut out.
    public var margin = 0
    /// Share of the samples, relative to the other entries.
    public var weight: Double
    /// Where the scan is from, and its licence.
    public var source: String
  }

  /// What takes the place of c in the guess that a noisy image is made of.
  public enum Guess: String, Sendable, CaseIterable, Encodable {
    /// What the prediction starts from: the condition, or what its intensity map makes of it.
    case start
    /// What the network, as it is now, predicts from the same noise alone at the noisiest label; the gradient does not
    /// go through it.
    ///
    /// A sampler that draws no noise of its own makes its second noisy image of exactly that. For a prediction that starts from
    /// nothing there is no other; and where the start is far from what is predicted, its errors are not the network's.
    case own
  }

  /// What the loss allows for; all of it is for data predictions, what compares with the input for those with a skip.
  public struct LossSettings: Sendable, Equatable, Encodable {
    /// Whether errors count relative to the mean squared error of the input, for each scan and strength.
    ///
    /// Quality is told in decibels, which are relative too; without it the noisiest scans rule the loss.
    public var relativeToInput = false
    /// Largest share of the input's error in the guess that the noisy image is made of, 0 for none.
    ///
    /// While it samples, a model finds its own guess in the noisy image, and the error of the guess is what was not
    /// removed of the input's. A network that met only true images there takes this error for the truth, as input and
    /// guess agree on it. So train it on a·(y + γ(c − y)) + s·ε, γ uniform from 0 to this; y is the clean image, c what
    /// the prediction starts from. A form of the input perturbation of Ning et al., "Input perturbation reduces exposure
    /// bias in diffusion models" (2023), whose perturbation is white noise.
    public var guessError = 0.0
    /// Whose error the guess has: c above, or what the network itself predicts.
    public var guess = Guess.start
    /// Error of the predicted image, in [-1, 1], from which on errors count by their size rather than its square; nil for
    /// squares throughout.
    ///
    /// Squares let a few edges rule the loss, and what is faint but everywhere, as the air around a head, is learnt last.
    /// For an error e the loss is 2δ²(√(1 + (e/δ)²) − 1): e² far below δ, 2δ|e| far above (Charbonnier et al.,
    /// "Deterministic edge-preserving regularization in computed imaging", 1997, φ of their table I). What it
    /// tends to is no longer the mean of what is possible but nearer to its median.
    public var linearBeyond: Double?
    /// How much it counts that slices differ from their neighbours as the truth's do, 0 for not at all.
    ///
    /// With it a batch of a model that keeps the grid consists of pairs of neighbouring slices. See `SliceDetailLoss`.
    public var sliceDetail = 0.0
    /// Steps that are taken before it counts.
    ///
    /// What is enlarged must have been learnt: a network that is asked for all of the detail at once invents some.
    public var sliceDetailAfter = 0
  }

  /// How patches are cut.
  public struct PatchSettings: Sendable, Equatable, Encodable {
    /// Rows and columns of a patch; each step draws one of the sizes.
    ///
    /// Group normalisation takes its statistics from the whole image, so a network that saw nothing but small patches
    /// loses on whole slices. A size that is listed twice is drawn twice as often.
    public var sizes: [Int]
    /// Patches per step at the smallest size; larger ones come in proportionally fewer, at least one.
    public var batch: Int
    /// Whether patches are mirrored and transposed at random (eight ways); off where left and right matter.
    public var flips: Bool

    /// Patches per step of a size.
    public func count(ofSize size: Int) -> Int {
      let smallest = sizes.min() ?? size
      return max(1, batch * smallest * smallest / (size * size))
    }
  }

  /// How the weights follow the loss.
  public struct OptimizerSettings: Sendable, Equatable, Encodable {
    /// Steps of the whole run.
    public var steps: Int
    /// The largest learning rate.
    public var learningRate: Double
    /// The learning rate of the last step; between them half a cosine.
    public var finalLearningRate: Double
    /// Steps over which the learning rate rises from zero.
    public var warmupSteps: Int
    /// Largest global norm of the gradient; nil for no clipping.
    public var clipNorm: Double?
    /// Decay of the moving average of the weights, which is what the model file gets.
    public var emaDecay: Double
    /// Whether early weights are forgotten faster.
    public var emaWarmUp: Bool
  }

  /// How often the run says and saves what.
  public struct ReportSettings: Sendable, Equatable, Encodable {
    /// Steps between lines of the log.
    public var logEvery: Int
    /// Steps between validations; 0 for none.
    public var validateEvery: Int
    /// Slices per validation entry.
    public var validationSlices: Int
    /// Rows and columns of the centre that is measured.
    public var validationSize: Int
    /// Steps between checkpoints.
    public var checkpointEvery: Int
    /// Minutes between checkpoints.
    public var checkpointMinutes: Double
  }
}
