import DurableFiles
public import Foundation

/// What one drop is to be treated with instead: the content of `NAME.pellucid.yaml` beside it.
///
/// nil leaves what the workflow says. The same as in `Workflow`, where the keys are explained.
public struct WorkflowOverride: Codable, Sendable, Equatable {
  /// Another workflow than the one that would be taken.
  public var workflow: String?
  /// What the model must do.
  public var task: Workflow.Task?
  /// A model's name; in a workflow file also the absolute path of its file.
  public var model: String?
  /// The sampler.
  public var sampler: String?
  /// The K of the label set.
  public var steps: Int?
  /// The seed of all noise.
  public var seed: UInt64?
  /// Samples per slice.
  public var samples: Int?
  /// How the noise of neighbouring slices is related.
  public var noiseField: Workflow.NoiseField?
  /// What becomes of differences of neighbouring slices.
  public var sliceDetail: Workflow.SliceDetail?
  /// For super-resolution: steps between slices for one before.
  public var sliceFactor: Int?
  /// Another way to cut volumes into slices.
  public var plane: Workflow.Plane?
  /// Largest side of what the network sees at once.
  public var tile: Int?
  /// Whether predicted images are clamped to the model's range.
  public var clamp: Bool?
  /// How voxels are stored.
  public var dtype: Workflow.StoredType?
  /// Whether a report is made.
  public var report: Bool?
  /// Whether the report has a viewer in it.
  public var viewer: Bool?
  /// Whether an input far outside what the model is meant for is treated all the same.
  public var force: Bool?
  /// The memory bound in bytes.
  public var memory: Int?
  /// Threads.
  public var threads: Int?
  /// How often a job is tried again.
  public var retries: Int?
  /// 0...9, 0 is most urgent.
  public var priority: Int?

  /// An override that changes nothing.
  public init() {}
}

extension WorkflowOverride {
  /// How the names of such files end: `scan.pellucid.yaml` or `scan.nii.gz.pellucid.yaml` goes with `scan.nii.gz`.
  public static let suffix = ".pellucid.yaml"

  /// The keys that such a file may have.
  public static let keys = ["workflow"] + treatmentKeys

  /// The keys that it shares with a workflow file.
  static let treatmentKeys = [
    "task", "model", "sampler", "steps", "seed", "samples", "noiseField", "plane", "tile", "sliceDetail",
    "sliceFactor", "clamp", "dtype", "report", "viewer", "force", "memory", "threads", "retries", "priority",
  ]

  /// The override in a YAML file; throws `ConfigurationError` and `FileError`.
  public static func read(_ url: URL) throws -> WorkflowOverride {
    try WorkflowOverride(StrictMapping(contentsOf: url, keys: Workflow.keys + ["workflow"]))
  }

  /// The override that a YAML text describes, `name` in errors; throws `ConfigurationError`.
  public init(yaml: Data, name: String) throws(ConfigurationError) {
    try self.init(StrictMapping(yaml: yaml, file: FileError.printable(name), keys: Workflow.keys + ["workflow"]))
  }

  private init(_ map: StrictMapping) throws(ConfigurationError) {
    for key in ["name", "description", "match"] where map.has(key) {
      throw map.error(key, "belongs into a workflow file; an override says how to treat one drop")
    }
    try self.init(treatment: map)
    // Whoever can drop a file is not allowed to have the service open any other.
    if let model, model.contains("/") || model.lowercased().hasSuffix(".safetensors") {
      throw map.error("model", "in an override is the name of an installed model, not a file")
    }
    if map.has("workflow") {
      workflow = try map.parsed("workflow", as: "the name of a workflow") { WorkflowText.isName($0) ? $0 : nil }
    }
  }

  /// The keys that a workflow and an override share.
  init(treatment map: StrictMapping) throws(ConfigurationError) {
    if map.has("task") { task = try map.choice("task") }
    if map.has("model") { model = try Self.model(map) }
    if map.has("sampler") {
      sampler = try map.parsed("sampler", as: "a sampler such as ddim, ddpm or pfdiff-1_1", WorkflowText.sampler)
    }
    if map.has("steps") { steps = try map.int("steps", in: 1...1000) }
    if map.has("seed") { seed = try map.int("seed", in: 0...UInt64.max) }
    if map.has("samples") { samples = try map.int("samples", in: 1...1000) }
    if map.has("noiseField") { noiseField = try map.choice("noiseField") }
    if map.has("plane") { plane = try map.choice("plane") }
    if map.has("tile") { tile = try map.int("tile", in: 64...4096) }
    if map.has("sliceDetail") { sliceDetail = try map.choice("sliceDetail") }
    if map.has("sliceFactor") {
      sliceFactor = try map.parsed("sliceFactor", as: "2, 4, 8 or 16") { text in
        [2, 4, 8, 16].first { String($0) == text }
      }
    }
    if map.has("clamp") { clamp = try map.bool("clamp") }
    if map.has("dtype") { dtype = try map.choice("dtype") }
    if map.has("report") { report = try map.bool("report") }
    if map.has("viewer") { viewer = try map.bool("viewer") }
    if map.has("force") { force = try map.bool("force") }
    if map.has("memory") { memory = try map.parsed("memory", as: "a size such as 8G or 512M", ByteCount.parse) }
    if map.has("threads") { threads = try map.int("threads", in: 0...4096) }
    if map.has("retries") { retries = try map.int("retries", in: 0...10) }
    if map.has("priority") { priority = try map.int("priority", in: 0...9) }
  }

  static func model(_ map: StrictMapping) throws(ConfigurationError) -> String {
    try map.parsed("model", as: "a model's name or the absolute path of its file", WorkflowText.model)
  }
}
