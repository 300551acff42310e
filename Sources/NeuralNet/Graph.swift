public import TensorCore

/// A value in a computation, and its gradient once `Graph.backward` has come by.
public final class Variable {
  /// The value.
  public let value: Tensor
  /// Nil until something flows back.
  var gradient: Tensor?
  let needsGradient: Bool
  private var knownMoments: ChannelMoments?

  init(_ value: Tensor, needsGradient: Bool, moments: ChannelMoments? = nil) {
    self.value = value
    self.needsGradient = needsGradient
    knownMoments = moments
  }

  /// The moments of the value's channels: from whoever made it, or summed at the first need.
  var moments: ChannelMoments {
    if let knownMoments { return knownMoments }
    let moments = ChannelMoments(of: value)
    knownMoments = moments
    return moments
  }

  /// The same value in another computation.
  func copy(needsGradient: Bool) -> Variable {
    Variable(value, needsGradient: needsGradient, moments: knownMoments)
  }

  /// Adds to the gradient.
  func accumulate(_ gradient: Tensor) {
    guard needsGradient else { return }
    precondition(gradient.shape == value.shape, "gradient \(gradient.shape) of a value \(value.shape)")
    if self.gradient == nil { self.gradient = gradient } else { self.gradient?.add(gradient) }
  }
}

/// Who hears of each layer of an evaluation, for benchmarks.
public typealias LayerObserver = (LayerTiming) -> Void

/// What one layer took.
public struct LayerTiming: Sendable {
  /// What kind of layer, and how it was computed, such as `3x3 F(4x4)` or `attention`.
  public let kind: String
  /// Rows of its result.
  public let rows: Int
  /// Floating-point operations in direct form, whatever was saved.
  public let operations: Int
  /// How long it took.
  public let duration: Duration
}

/// One forward computation, recorded if gradients are wanted.
///
/// Operations are coarse (a convolution with bias and residual is one) and each brings its own gradient. Without
/// recording the same code keeps nothing, so inference and training cannot drift apart. Not Sendable: a graph belongs
/// to one task; the parallelism is inside the operations.
public final class Graph {
  private let parameters: ParameterSet
  private let packed: PackedParameters?
  private let observer: LayerObserver?
  let recording: Bool
  /// Whether marked parts are computed again when the gradient comes by.
  public let recomputing: Bool
  private var leaves: [String: Variable] = [:]
  private var steps: [() -> Void] = []

  /// A graph over the given parameters.
  ///
  /// With `recomputing` the parts of a computation that are marked (see `recomputed`) keep only their inputs and output
  /// until the gradient comes by: less memory for one more forward computation, and the same bits.
  public init(parameters: ParameterSet, recording: Bool, recomputing: Bool = false) {
    self.parameters = parameters
    self.recording = recording
    self.recomputing = recording && recomputing
    packed = nil
    observer = nil
  }

  /// A graph for evaluation alone, over parameters that are laid out for it.
  public init(_ packed: PackedParameters, observer: LayerObserver? = nil) {
    parameters = packed.rest
    recording = false
    recomputing = false
    self.packed = packed
    self.observer = observer
  }

  /// The convolution with a parameter's weights, packed now unless that was done before.
  func packedConvolution(_ convolution: Convolution, _ name: String, upsampled: Bool) -> PackedConvolution {
    if let packed { return packed.convolution(name) }
    var weights = parameter(name).value
    if weights.shape.count == 2 { weights = weights.reshaped([1, 1] + weights.shape) }
    return PackedConvolution(convolution, weights: weights, upsampled: upsampled)
  }

  /// A value that no gradient is wanted for.
  public func input(_ value: Tensor) -> Variable { Variable(value, needsGradient: false) }

  /// A value that a gradient is wanted for (see `gradient(of:)`).
  public func differentiableInput(_ value: Tensor) -> Variable { Variable(value, needsGradient: recording) }

  /// A parameter by name.
  public func parameter(_ name: String) -> Variable {
    if let leaf = leaves[name] { return leaf }
    let leaf = Variable(parameters[name], needsGradient: recording)
    leaves[name] = leaf
    return leaf
  }

  /// Does some work and tells the observer of it.
  func observe<R>(
    _ kind: @autoclosure () -> String, rows: Int, operations: @autoclosure () -> Int, _ work: () -> R
  ) -> R {
    guard let observer else { return work() }
    let start = ContinuousClock.now
    let result = work()
    observer(LayerTiming(kind: kind(), rows: rows, operations: operations(), duration: ContinuousClock.now - start))
    return result
  }

  /// Does a convolution and tells the observer of it.
  func observe<R>(_ packed: PackedConvolution, _ shape: [Int], _ work: () -> R) -> R {
    observe(
      packed.kind, rows: packed.convolution.outputExtent(shape[1]), operations: packed.operations(on: shape), work)
  }

  /// A new value with the closure that passes its gradient on to the inputs it was made from.
  func record(
    _ value: Tensor, from inputs: [Variable?], moments: ChannelMoments? = nil,
    _ backward: @escaping (Tensor) -> Void
  ) -> Variable {
    let needed = recording && inputs.contains { $0?.needsGradient ?? false }
    let output = Variable(value, needsGradient: needed, moments: moments)
    if needed {
      steps.append {
        guard let gradient = output.gradient else { return }
        output.gradient = nil
        backward(gradient)
      }
    }
    return output
  }

  /// A part of a computation that a recomputing graph forgets and does again when the gradient comes by.
  ///
  /// `part` must use the graph and the variables that it is given, and no others.
  public func recomputed(_ inputs: [Variable], _ part: @escaping (Graph, [Variable]) -> Variable) -> Variable {
    guard recomputing else { return part(self, inputs) }
    let passing = Graph(parameters: parameters, recording: false)
    let value = part(passing, inputs.map { $0.copy(needsGradient: false) })
    let output = value.copy(needsGradient: true)
    steps.append { [parameters] in
      guard let gradient = output.gradient else { return }
      output.gradient = nil
      let again = Graph(parameters: parameters, recording: true)
      let copies = inputs.map { $0.copy(needsGradient: $0.needsGradient) }
      let result = part(again, copies)
      // What reached the inputs before is summed first, as it would be without recomputing.
      for (input, copy) in zip(inputs, copies) { swap(&input.gradient, &copy.gradient) }
      again.run(back: result, gradient)
      for (input, copy) in zip(inputs, copies) { swap(&input.gradient, &copy.gradient) }
      for (name, leaf) in again.leaves {
        if let gradient = leaf.gradient { self.parameter(name).accumulate(gradient) }
      }
    }
    return output
  }

  /// Lets a gradient flow back to leaves and inputs.
  private func run(back output: Variable, _ gradient: Tensor) {
    output.accumulate(gradient)
    // Each step is let go as soon as it has run, so its tensors are free for the next ones.
    while let step = steps.popLast() { step() }
  }

  /// Gradients of a scalar with respect to all parameters, given its gradient with respect to `output`.
  ///
  /// Consumes the record: a graph goes backward once. Parameters that were not used have gradient zero.
  public func backward(from output: Variable, gradient: Tensor) -> ParameterSet {
    precondition(recording, "the graph was not recorded")
    run(back: output, gradient)
    return ParameterSet(
      parameters.names.map { name in
        (name, leaves[name]?.gradient ?? Tensor(repeating: 0, shape: parameters[name].shape))
      })
  }

  /// The gradient that reached a differentiable input; zero if none did.
  public func gradient(of input: Variable) -> Tensor {
    input.gradient ?? Tensor(repeating: 0, shape: input.value.shape)
  }
}
