import DurableFiles
public import Foundation
import Models
import NeuralNet
public import Volumes

/// A training run in a folder: data, steps, checkpoints, log, curve, and the model file at the end.
///
/// The folder holds `configuration.yaml`, `checkpoint`, `log.jsonl`, `loss.svg`, `model.safetensors`, and the cache of
/// simulated scans unless that is elsewhere. Every file is written whole; a run that was killed goes on from its last
/// checkpoint to the same bits.
public struct TrainingRun {
  /// Where and how.
  public struct Options: Sendable {
    /// The run's folder.
    public var output: URL
    /// What the configuration's paths are relative to.
    public var dataFolder: URL
    /// Where simulated scans are kept; nil for `cache` in the run's folder.
    public var cache: URL?
    /// Go on from the folder's checkpoint, if there is one.
    public var resume: Bool
    /// Steps of the whole run instead of the configuration's (or, going on, the checkpoint's).
    public var steps: Int?
    /// Whether activations are computed again on the way back instead of being kept.
    public var recompute: Bool
    /// The command, for the model's card.
    public var command: String
    /// Version of the software, for the model's card.
    public var software: String

    /// Options from their parts.
    public init(
      output: URL, dataFolder: URL, cache: URL? = nil, resume: Bool = false, steps: Int? = nil, recompute: Bool = false,
      command: String, software: String
    ) {
      self.output = output
      self.dataFolder = dataFolder
      self.cache = cache
      self.resume = resume
      self.steps = steps
      self.recompute = recompute
      self.command = command
      self.software = software
    }
  }

  /// What a run tells while it goes.
  public enum Event: Sendable {
    /// Something to say.
    case message(String)
    /// A step was taken.
    case step(Progress)
    /// A validation was made.
    case validation(step: Int, [ValidationRow])
    /// A checkpoint was written.
    case checkpoint(step: Int)
  }

  /// How far the run is.
  public struct Progress: Sendable, Equatable {
    /// Steps taken.
    public var step: Int
    /// Steps of the whole run.
    public var steps: Int
    /// Loss, averaged over about fifty steps.
    public var loss: Double
    /// Patches per second, averaged likewise; larger ones count as so many of the smallest size.
    public var samplesPerSecond: Double
    /// Seconds left at this speed, validation not counted.
    public var secondsLeft: Double
  }

  /// How a run ended.
  public enum Outcome: Sendable, Equatable {
    /// All steps were taken and the model was written.
    case finished(model: URL)
    /// The run was asked to stop and wrote a checkpoint.
    case stopped(step: Int)
  }

  private let trainer: Trainer
  private let options: Options
  private let validation: PairedDataset?
  private var state: TrainingState
  private var log: TrainingLog
  private var lastValidation: [ValidationRow]
  private let fitted: FittedValues
  private let tell: (Event) -> Void

  /// Runs a configuration to its end, or until `shouldStop` says so (asked before every step and
  /// every simulated scan).
  public static func run(
    _ configuration: TrainingConfiguration, options: Options, read: @escaping (URL) throws -> Volume,
    progress: @escaping (Event) -> Void, shouldStop: @escaping () -> Bool
  ) throws -> Outcome {
    struct Stopped: Error {}
    do {
      var run = try TrainingRun(configuration, options: options, read: read, progress: progress) { message in
        if shouldStop() { throw Stopped() }
        progress(.message(message))
      }
      return try run.go(shouldStop)
    } catch is Stopped {
      return .stopped(step: try checkpoint(configuration, options)?.state.step ?? 0)
    }
  }

  private init(
    _ given: TrainingConfiguration, options: Options, read: @escaping (URL) throws -> Volume,
    progress: @escaping (Event) -> Void, making: @escaping PairedDataset.Progress
  ) throws {
    let checkpoint = try Self.checkpoint(given, options)
    var configuration = given
    configuration.optimizer.steps = options.steps ?? checkpoint?.steps ?? given.optimizer.steps
    try makeFolder(options.output)
    let cache = options.cache ?? options.output.appendingPathComponent("cache")
    let data = try TrainingData(
      configuration, folder: options.dataFolder, cache: cache, read: read, progress: making)
    validation = data.validation
    fitted = checkpoint?.fitted ?? data.fitted
    configuration.prediction.intensityMap = fitted.intensityMap
    trainer = try Trainer(configuration, dataset: data.training, recomputing: options.recompute)
    // What the card would refuse at the end is refused now.
    try ModelExport(
      TrainingCheckpoint(
        state: trainer.initialState, configuration: given.text, steps: configuration.optimizer.steps, command: "",
        validation: [], fitted: fitted), software: ""
    ).card().validate()
    self.options = options
    tell = progress
    state = checkpoint?.state ?? trainer.initialState
    lastValidation = checkpoint?.validation ?? []
    log =
      checkpoint.map { TrainingLog(contentsOf: Self.url("log.jsonl", options), upTo: $0.state.step) } ?? TrainingLog()
    try AtomicFile.write(Data(configuration.text.utf8), to: Self.url("configuration.yaml", options))
    let size = data.training.byteCount >> 20
    progress(
      .message(
        "\(state.parameters.scalarCount) parameters, \(size) MiB of training data, "
          + (checkpoint == nil ? "from the start" : "from step \(state.step)")))
  }

  /// The checkpoint to go on from.
  ///
  /// Refuses to overwrite a run, and to mix two.
  private static func checkpoint(_ configuration: TrainingConfiguration, _ options: Options) throws
    -> TrainingCheckpoint?
  {
    let url = url("checkpoint", options)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    guard options.resume else {
      throw TrainingError(
        .outputExists, "\(options.output.path) holds a training run: go on with --resume, or choose another folder")
    }
    let checkpoint = try TrainingCheckpoint(contentsOf: url)
    guard checkpoint.configuration == configuration.text else {
      throw TrainingError(
        .checkpoint,
        "the run in \(options.output.path) has another configuration: use the configuration.yaml in it, or another folder"
      )
    }
    return checkpoint
  }

  private static func url(_ name: String, _ options: Options) -> URL { options.output.appendingPathComponent(name) }

  private mutating func go(_ shouldStop: () -> Bool) throws -> Outcome {
    let settings = trainer.configuration.schedules
    let steps = trainer.configuration.optimizer.steps
    var meter = SpeedMeter()
    var saved = Date()
    if state.step == 0 { try validate() }
    while state.step < steps {
      if shouldStop() {
        try save()
        return .stopped(step: state.step)
      }
      let report = trainer.step(&state)
      guard report.loss.isFinite, report.gradientNorm.isFinite else {
        throw TrainingError(
          .data, "the loss is no longer a number at step \(state.step): lower optimizer.learningRate or set clipNorm")
      }
      meter.count(report)
      tell(.step(meter.progress(step: state.step, steps: steps)))
      if state.step % settings.logEvery == 0 || state.step == steps {
        log.append(meter.line(step: state.step))
        try log.write(to: Self.url("log.jsonl", options))
      }
      if settings.validateEvery > 0, state.step % settings.validateEvery == 0 || state.step == steps {
        try validate()
        meter.pause()
      }
      if state.step % settings.checkpointEvery == 0 || state.step == steps
        || -saved.timeIntervalSinceNow > settings.checkpointMinutes * 60
      {
        try save()
        saved = Date()
        meter.pause()
      }
    }
    if !FileManager.default.fileExists(atPath: Self.url("checkpoint", options).path) { try save() }
    let model = Self.url("model.safetensors", options)
    try ModelExport(checkpoint, software: options.software).write(to: model, half: false)
    return .finished(model: model)
  }

  private var checkpoint: TrainingCheckpoint {
    TrainingCheckpoint(
      state: state, configuration: trainer.configuration.text, steps: trainer.configuration.optimizer.steps,
      command: options.command, validation: lastValidation, fitted: fitted)
  }

  private mutating func validate() throws {
    guard let validation, trainer.configuration.schedules.validateEvery > 0 else { return }
    lastValidation = try trainer.validate(state.average, on: validation)
    tell(.validation(step: state.step, lastValidation))
    var line = TrainingLog.Line(step: state.step)
    line.validation = lastValidation
    log.append(line)
    try log.write(to: Self.url("log.jsonl", options))
  }

  private func save() throws {
    try checkpoint.write(to: Self.url("checkpoint", options))
    try AtomicFile.write(Data(LossCurve(log: log).svg.utf8), to: Self.url("loss.svg", options))
    tell(.checkpoint(step: state.step))
  }
}

/// Averages of what steps report.
private struct SpeedMeter {
  private var last = ContinuousClock.now
  private var smoothLoss: Double?
  private var smoothSeconds: Double?
  private var smoothSamples: Double?
  private var samples = 0
  private var losses: [Double] = []
  private var norms: [Double] = []
  private var seconds = 0.0
  private var rate = 0.0

  /// Time until the next step is not the steps'.
  mutating func pause() { last = .now }

  mutating func count(_ report: Trainer.StepReport) {
    let now = ContinuousClock.now
    let elapsed = (now - last) / .seconds(1)
    last = now
    smoothLoss = smoothLoss.map { 0.98 * $0 + 0.02 * report.loss } ?? report.loss
    smoothSeconds = smoothSeconds.map { 0.98 * $0 + 0.02 * elapsed } ?? elapsed
    smoothSamples = smoothSamples.map { 0.98 * $0 + 0.02 * Double(report.samples) } ?? Double(report.samples)
    samples += report.samples
    losses.append(report.loss)
    norms.append(report.gradientNorm)
    seconds += elapsed
    rate = report.learningRate
  }

  func progress(step: Int, steps: Int) -> TrainingRun.Progress {
    let perStep = max(smoothSeconds ?? 0, 1e-9)
    return TrainingRun.Progress(
      step: step, steps: steps, loss: smoothLoss ?? 0, samplesPerSecond: (smoothSamples ?? 0) / perStep,
      secondsLeft: perStep * Double(steps - step))
  }

  mutating func line(step: Int) -> TrainingLog.Line {
    defer {
      losses = []
      norms = []
      samples = 0
      seconds = 0
    }
    let count = Double(max(losses.count, 1))
    return TrainingLog.Line(
      step: step, loss: losses.reduce(0, +) / count, gradientNorm: norms.reduce(0, +) / count, learningRate: rate,
      samplesPerSecond: Double(samples) / max(seconds, 1e-9))
  }
}
