import Configuration
import Diffusion
import DurableFiles
public import Foundation
import Models

extension TrainingConfiguration {
  /// The configuration that a YAML text describes.
  ///
  /// Throws `ConfigurationError` with the line of what is wrong.
  public init(yaml text: String) throws { try self.init(yaml: text, file: nil) }

  /// The configuration in a YAML file; throws `FileError` too.
  public init(contentsOf url: URL) throws {
    try self.init(yaml: StrictMapping.text(of: url), file: FileError.printable(url.lastPathComponent))
  }

  /// The keys that such a file may have.
  public static let keys = [
    "name", "task", "conditionSlices", "network", "labels", "labelWeights", "schedule", "prediction", "intensity",
    "noiseLevel",
    "envelope", "degradation", "data", "loss", "patches", "optimizer", "report", "seed", "licence", "citation",
    "intendedUse",
  ]

  private init(yaml text: String, file name: String?) throws {
    let file = try StrictMapping(yaml: text, file: name, keys: Self.keys)
    self.name = try file.string("name")
    task = try file.choice("task")
    conditions = try Self.conditions(file, task)
    noiseLevel = file.has("noiseLevel") ? try Self.noiseLevel(file) : nil
    architecture = try Self.network(file, conditions: conditions.count + (noiseLevel == nil ? 0 : 1))
    labelSet = try file.string("labels", default: "uniform-10")
    labelWeights = file.has("labelWeights") ? try file.doubles("labelWeights") : nil
    schedule = try Self.schedule(file)
    prediction = try Self.prediction(file)
    intensity = try Self.intensity(file)
    envelope = try Self.envelope(file)
    degradation = file.has("degradation") ? try Self.degradation(file, task) : nil
    let data = try file.mapping("data", keys: ["training", "validation"])
    training = try Self.entries(data, "training")
    validation = data.has("validation") ? try Self.entries(data, "validation") : []
    loss = try Self.loss(file)
    patches = try Self.patches(file)
    optimizer = try Self.optimizer(file)
    schedules = try Self.report(file)
    seed = UInt64(try file.int("seed", in: 0...Int.max, default: 1))
    licence = file.has("licence") ? try file.string("licence") : nil
    citation = file.has("citation") ? try file.strings("citation") : []
    intendedUse = file.has("intendedUse") ? try file.string("intendedUse") : nil
    self.text = text
    try check(file)
  }

  private static func conditions(_ file: StrictMapping, _ task: ModelTask) throws -> ConditionSlices {
    let offsets = file.has("conditionSlices") ? try file.ints("conditionSlices") : ConditionSlices.nearest(task)
    do { return try ConditionSlices(offsets, task: task) } catch {
      throw file.error("conditionSlices", error.description)
    }
  }

  private static func network(_ file: StrictMapping, conditions: Int) throws -> UNetConfiguration {
    let map = try file.mapping(
      "network",
      keys: [
        "baseChannels", "channelMultipliers", "residualBlocks", "attentionLevels", "bottleneckAttention", "normGroups",
      ])
    return UNetConfiguration(
      inputChannels: conditions + 1, baseChannels: try map.int("baseChannels", in: 32...1024),
      channelMultipliers: try map.ints("channelMultipliers"),
      residualBlocks: try map.int("residualBlocks", in: 1...8, default: 2),
      attentionLevels: map.has("attentionLevels") ? try map.ints("attentionLevels") : [],
      bottleneckAttention: try map.bool("bottleneckAttention", default: true),
      normGroups: map.has("normGroups") ? try map.int("normGroups", in: 1...32) : nil)
  }

  private static func noiseLevel(_ file: StrictMapping) throws -> NoiseLevelSettings {
    let map = try file.mapping("noiseLevel", keys: ["scale", "jitter"])
    return NoiseLevelSettings(
      scale: try map.double("scale", in: 1e-6...1e6), jitter: try map.double("jitter", in: 0...0.5, default: 0.1))
  }

  private static func schedule(_ file: StrictMapping) throws -> NoiseScheduleRecord {
    guard file.has("schedule") else { return NoiseScheduleRecord() }
    let map = try file.mapping("schedule", keys: ["name", "betaStart", "betaEnd", "timesteps"])
    return NoiseScheduleRecord(
      name: try map.string("name", default: "linear"),
      betaStart: try map.double("betaStart", in: 0...1, default: 1e-4),
      betaEnd: try map.double("betaEnd", in: 0...1, default: 2e-2),
      timesteps: try map.int("timesteps", in: 1...100_000, default: 1000))
  }

  private static func prediction(_ file: StrictMapping) throws -> PredictionRecord {
    let map = try file.mapping(
      "prediction", keys: ["kind", "skip", "residualScale", "residualFollowsNoise", "clampData"])
    let kind: PredictionRecord.Kind = try map.choice("kind")
    if kind != .data, map.has("skip") || map.has("residualScale") {
      throw map.error("kind", "\(kind.rawValue) takes neither skip nor residualScale: they shape a data prediction")
    }
    return PredictionRecord(
      kind: kind, skip: try map.choice("skip", default: PredictionRecord.Skip.none),
      residualScale: Float(try map.double("residualScale", in: 1e-6...1e6, default: 1)),
      residualFollowsNoise: map.has("residualFollowsNoise") ? try map.bool("residualFollowsNoise") : nil,
      clampData: try map.bool("clampData", default: kind != .noise))
  }

  private static func intensity(_ file: StrictMapping) throws -> IntensityContract {
    let map = try file.mapping("intensity", keys: ["window", "percentiles", "fullRange"])
    let given = ["window", "percentiles", "fullRange"].filter(map.has)
    guard given.count == 1 else { throw file.error("intensity", "must give one of window, percentiles, fullRange") }
    if given[0] == "fullRange" { return .fullRange }
    let ends = try map.doubles(given[0])
    guard ends.count == 2, ends[0] < ends[1] else { throw map.error(given[0], "must be [low, high], low below high") }
    return given[0] == "window" ? .window(low: ends[0], high: ends[1]) : .percentiles(low: ends[0], high: ends[1])
  }

  private static func envelope(_ file: StrictMapping) throws -> InputEnvelope {
    guard file.has("envelope") else { return InputEnvelope() }
    let keys = ["modality", "inPlaneSpacing", "sliceSpacing", "size", "objectLeftRight", "objectFrontBack"]
    let map = try file.mapping("envelope", keys: keys)
    func pair<T: Comparable>(_ key: String, _ read: (String) throws -> [T]) throws -> [T]? {
      guard map.has(key) else { return nil }
      let ends = try read(key)
      guard ends.count == 2, ends[0] <= ends[1] else { throw map.error(key, "must be [smallest, largest]") }
      return ends
    }
    return InputEnvelope(
      modality: map.has("modality") ? try map.string("modality") : nil,
      inPlaneSpacing: try pair("inPlaneSpacing", map.doubles), sliceSpacing: try pair("sliceSpacing", map.doubles),
      size: try pair("size", map.ints), objectLeftRight: try pair("objectLeftRight", map.doubles),
      objectFrontBack: try pair("objectFrontBack", map.doubles))
  }

  private static func degradation(_ file: StrictMapping, _ task: ModelTask) throws -> DegradationSettings {
    let map = try file.mapping("degradation", keys: ["kind", "levels", "realisations", "parameters"])
    let kind: DegradationKind = try map.choice("kind")
    let levels = try map.doubles("levels")
    guard (kind == .thickSlices) == (task == .superResolve) else {
      throw map.error("kind", "thick-slices is for super-resolve, which takes no other")
    }
    guard kind != .thickSlices || levels.allSatisfy({ [2, 4, 8, 16].contains($0) }) else {
      throw map.error("levels", "must be 2, 4, 8 or 16 slices: each run of the model halves their distance")
    }
    guard let first = levels.first else { throw map.error("levels", "must hold at least one strength") }
    var record = DegradationRecord(kind: kind.rawValue, levels: levels, parameters: try map.namedDoubles("parameters"))
    do {
      // Every level must make sense, and the record names every parameter, those left at their defaults too.
      for level in levels { _ = try Degradation(record, level: level) }
      record = try Degradation(record, level: first).record(levels: levels)
    } catch let error as TrainingError {
      throw map.error(error.description)
    }
    return DegradationSettings(record: record, realisations: try map.int("realisations", in: 1...64, default: 1))
  }

  private static func entries(_ data: StrictMapping, _ key: String) throws -> [DataEntry] {
    let keys = ["path", "condition", "slices", "plane", "margin", "weight", "source"]
    let entries = try data.mappings(key, keys: keys).map { map in
      let bounds = try map.string("slices").split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last, last < 1 << 20 else {
        throw map.error("slices", "must be a range such as 0-107")
      }
      return DataEntry(
        path: try map.string("path"), condition: map.has("condition") ? try map.string("condition") : nil,
        slices: first...last, plane: try map.choice("plane", default: Plane.stored),
        margin: try map.int("margin", in: 0...1024, default: 0),
        weight: try map.double("weight", in: 1e-9...1e9, default: 1),
        source: try map.string("source"))
    }
    guard !entries.isEmpty else { throw data.error(key, "must hold at least one entry") }
    return entries
  }

  private static func loss(_ file: StrictMapping) throws -> LossSettings {
    guard file.has("loss") else { return LossSettings() }
    let map = try file.mapping(
      "loss", keys: ["relativeToInput", "guessError", "guess", "linearBeyond", "sliceDetail", "sliceDetailAfter"])
    return LossSettings(
      relativeToInput: try map.bool("relativeToInput", default: false),
      guessError: try map.double("guessError", in: 0...1, default: 0),
      guess: try map.choice("guess", default: Guess.start),
      linearBeyond: map.has("linearBeyond") ? try map.double("linearBeyond", in: 1e-6...2) : nil,
      sliceDetail: try map.double("sliceDetail", in: 0...1000, default: 0),
      sliceDetailAfter: try map.int("sliceDetailAfter", in: 0...1_000_000_000, default: 0))
  }

  private static func patches(_ file: StrictMapping) throws -> PatchSettings {
    let map = try file.mapping("patches", keys: ["sizes", "batch", "flips"])
    let sizes = try map.ints("sizes")
    guard !sizes.isEmpty, sizes.allSatisfy((8...1024).contains) else {
      throw map.error("sizes", "must hold sizes in 8...1024, at least one")
    }
    return PatchSettings(
      sizes: sizes, batch: try map.int("batch", in: 1...1024, default: 16),
      flips: try map.bool("flips", default: true))
  }

  private static func optimizer(_ file: StrictMapping) throws -> OptimizerSettings {
    let map = try file.mapping(
      "optimizer",
      keys: ["steps", "learningRate", "finalLearningRate", "warmupSteps", "clipNorm", "emaDecay", "emaWarmUp"])
    let rate = try map.double("learningRate", in: 0...10)
    return OptimizerSettings(
      steps: try map.int("steps", in: 1...100_000_000), learningRate: rate,
      finalLearningRate: try map.double("finalLearningRate", in: 0...10, default: rate),
      warmupSteps: try map.int("warmupSteps", in: 0...1_000_000, default: 0),
      clipNorm: map.has("clipNorm") ? try map.double("clipNorm", in: 1e-9...1e9) : nil,
      emaDecay: try map.double("emaDecay", in: 0...0.999999999, default: 0.999),
      emaWarmUp: try map.bool("emaWarmUp", default: true))
  }

  private static func report(_ file: StrictMapping) throws -> ReportSettings {
    let keys = [
      "logEvery", "validateEvery", "validationSlices", "validationSize", "checkpointEvery", "checkpointMinutes",
    ]
    let map = try file.mapping("report", keys: keys)
    return ReportSettings(
      logEvery: try map.int("logEvery", in: 1...1_000_000, default: 20),
      validateEvery: try map.int("validateEvery", in: 0...100_000_000, default: 500),
      validationSlices: try map.int("validationSlices", in: 1...1000, default: 2),
      validationSize: try map.int("validationSize", in: 8...4096, default: 128),
      checkpointEvery: try map.int("checkpointEvery", in: 1...100_000_000, default: 500),
      checkpointMinutes: try map.double("checkpointMinutes", in: 0.01...100_000, default: 10))
  }
}

extension NoiseSchedule {
  init(_ record: NoiseScheduleRecord) throws {
    try self.init(
      named: record.name, betaStart: record.betaStart, betaEnd: record.betaEnd, timesteps: record.timesteps)
  }
}
