public import Foundation
import Glibc

/// One way of treating a scan: which model, how it is sampled, what is written, how often it is tried.
///
/// A result is a function of the input and of this, so there is no seed of chance. What the texts mean is checked where
/// they are used: whether the model exists and does the task, whether the sampler does.
public struct Workflow: Codable, Sendable, Equatable {
  /// Its name: the file's stem, and the inbox subfolder that selects it.
  public var name: String
  /// What it is for, in a sentence.
  public var description: String?
  /// What it is taken for when nothing else selects a workflow; nil for nothing.
  public var match: Match?
  /// What the model must do; nil for whatever it does.
  public var task: Task?
  /// A model's name, or the absolute path of its file.
  public var model: String
  /// The sampler: `ddim`, `ddim:ETA`, `ddpm`, `pfdiff-K_L`.
  public var sampler: String
  /// The K of the label set, 1...1000; nil for the labels that the model was trained on.
  public var steps: Int?
  /// The seed of all noise.
  public var seed: UInt64
  /// Samples per slice, 1...1000.
  public var samples: Int
  /// How the noise of neighbouring slices is related.
  public var noiseField: NoiseField
  /// For super-resolution: steps between slices for one before, 2, 4, 8 or 16; nil for 2.
  public var sliceFactor: Int?
  /// Which way volumes are cut into slices; nil for as their geometry says.
  public var plane: Plane?
  /// Largest side of what the network sees at once, 64...4096; nil for whole slices.
  public var tile: Int?
  /// What becomes of differences of neighbouring slices; nil for as the network predicts them.
  public var sliceDetail: SliceDetail?
  /// Whether predicted images are clamped to the model's range; nil as the model's card says.
  public var clamp: Bool?
  /// How voxels are stored.
  public var dtype: StoredType
  /// Whether a report is made.
  public var report: Bool
  /// Whether the report has a viewer of the volume in it.
  public var viewer: Bool
  /// Whether an input far outside what the model is meant for is treated all the same.
  public var force: Bool
  /// The memory bound in bytes; nil for the settings'.
  ///
  /// It does not change the result.
  public var memory: Int?
  /// Threads, 0 for one per processor, up to 4096; nil for the settings'.
  ///
  /// They do not change the result.
  public var threads: Int?
  /// How often a job is tried again after a failure that may pass, 0...10.
  public var retries: Int
  /// 0...9, 0 is most urgent.
  public var priority: Int

  /// What a workflow is for: a file must be of one of the formats and be named as one of the globs.
  public struct Match: Codable, Sendable, Equatable {
    /// Formats; empty for any.
    public var formats: [Format]
    /// Globs that are compared with base names as fnmatch(3) does; empty for any.
    public var names: [String]

    /// A match from its parts.
    public init(formats: [Format] = [], names: [String] = []) {
      self.formats = formats
      self.names = names
    }

    /// Whether a file is meant, by its base name and format.
    public func covers(fileName: String, format: Format) -> Bool {
      (formats.isEmpty || formats.contains(format))
        && (names.isEmpty || names.contains { fnmatch($0, fileName, 0) == 0 })
    }
  }

  /// A workflow with every default.
  public init(name: String, model: String) {
    self.name = name
    self.model = model
    sampler = "ddim"
    seed = 0
    samples = 1
    noiseField = .shared
    dtype = .input
    report = true
    viewer = true
    force = false
    retries = 2
    priority = 5
  }

  /// The same workflow with what an override says put in the place of its own.
  ///
  /// Which workflow it is applied to (`override.workflow`) is for the caller to have followed.
  public func applying(_ override: WorkflowOverride) -> Workflow {
    var result = self
    result.task = override.task ?? task
    result.model = override.model ?? model
    result.sampler = override.sampler ?? sampler
    result.steps = override.steps ?? steps
    result.seed = override.seed ?? seed
    result.samples = override.samples ?? samples
    result.noiseField = override.noiseField ?? noiseField
    result.plane = override.plane ?? plane
    result.tile = override.tile ?? tile
    result.sliceFactor = override.sliceFactor ?? sliceFactor
    result.sliceDetail = override.sliceDetail ?? sliceDetail
    result.clamp = override.clamp ?? clamp
    result.dtype = override.dtype ?? dtype
    result.report = override.report ?? report
    result.viewer = override.viewer ?? viewer
    result.force = override.force ?? force
    result.memory = override.memory ?? memory
    result.threads = override.threads ?? threads
    result.retries = override.retries ?? retries
    result.priority = override.priority ?? priority
    return result
  }
}

extension Workflow {
  /// The keys that a workflow file may have.
  public static let keys = ["name", "description", "match"] + WorkflowOverride.treatmentKeys

  /// The workflow in a YAML file; throws `ConfigurationError` and `FileError`.
  public static func read(_ url: URL) throws -> Workflow {
    let name = url.lastPathComponent
    guard name.hasSuffix(WorkflowLibrary.suffix) else {
      throw ConfigurationError(.value, file: name, "a workflow file is called NAME.yaml")
    }
    return try Workflow(
      StrictMapping(contentsOf: url, keys: keys), name: String(name.dropLast(WorkflowLibrary.suffix.count)))
  }

  /// The workflow that a YAML text describes, as if it stood in `NAME.yaml`; throws `ConfigurationError`.
  public init(yaml: Data, name: String) throws(ConfigurationError) {
    let file = name + WorkflowLibrary.suffix
    try self.init(StrictMapping(yaml: yaml, file: file, keys: Self.keys), name: name)
  }

  private init(_ map: StrictMapping, name: String) throws(ConfigurationError) {
    guard WorkflowText.isName(name) else {
      throw ConfigurationError(.value, file: map.file, "the file must have \(WorkflowText.nameRule)")
    }
    let stated = try map.string("name", default: name)
    guard stated == name else {
      throw map.error("name", "must be the file's own name, \(name): rename the file or leave the key out")
    }
    let treatment = try WorkflowOverride(treatment: map)
    self = Workflow(name: name, model: try WorkflowOverride.model(map)).applying(treatment)
    if map.has("description") { description = try map.string("description") }
    if map.has("match") { match = try Match(map.mapping("match", keys: ["formats", "names"])) }
  }
}

extension Workflow.Match {
  fileprivate init(_ map: StrictMapping) throws(ConfigurationError) {
    formats = map.has("formats") ? try map.choices("formats") : []
    names = map.has("names") ? try map.strings("names") : []
    guard !formats.isEmpty || !names.isEmpty else {
      throw map.error("match must give formats, names or both; leave it out for a workflow that is only asked for")
    }
    guard names.allSatisfy(WorkflowText.isGlob) else {
      throw map.error("names", "must be globs for file names, such as \"*.nii.gz\": without folders, not empty")
    }
  }
}
