public import TensorCore

/// A value in a computation, and its gradient once `Graph.backward` has come by.
public final class Variable {
  /// The value.
  public let value: Tensor
  /// Nil until something flows back.
  var gradient: Tensor?
  let needsGradient: Bool

  init(_ value: Tensor, needsGradient: Bool) {
    self.value = value
    self.needsGradient = needsGradient
  }

  /// Adds to the gradient.
  func accumulate(_ gradient: Tensor) {
    guard needsGradient else { return }
    precondition(gradient.shape == value.shape, "gradient \(gradient.shape) of a value \(value.shape)")
    if self.gradient == nil { self.gradient = gradient } else { self.gradient?.add(gradient) }
  }
}

/// One forward computation, recorded if gradients are wanted.
///
/// Operations are coarse (a convolution with bias and residual is one) and each brings its own gradient. Without
/// recording the same code keeps nothing, so inference and training cannot drift apart. Not Sendable: a graph belongs
/// to one task; the parallelism is inside the operations.
public final class Graph {
  private let parameters: ParameterSet
  private let recording: Bool
  private var leaves: [String: Variable] = [:]
  private var steps: [() -> Void] = []

  /// A graph over the given parameters.
  public init(parameters: ParameterSet, recording: Bool) {
    self.parameters = parameters
    self.recording = recording
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

  /// A new value with the closure that passes its gradient on to the inputs it was made from.
  func record(_ value: Tensor, from inputs: [Variable?], _ backward: @escaping (Tensor) -> Void) -> Variable {
    let needed = recording && inputs.contains { $0?.needsGradient ?? false }
    let output = Variable(value, needsGradient: needed)
    if needed {
      steps.append {
        guard let gradient = output.gradient else { return }
        output.gradient = nil
        backward(gradient)
      }
    }
    return output
  }

  /// Gradients of a scalar with respect to all parameters, given its gradient with respect to `output`.
  ///
  /// Consumes the record: a graph goes backward once. Parameters that were not used have gradient zero.
  public func backward(from output: Variable, gradient: Tensor) -> ParameterSet {
    precondition(recording, "the graph was not recorded")
    output.accumulate(gradient)
    // Each step is let go as soon as it has run, so its tensors are free for the next ones.
    while let step = steps.popLast() { step() }
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
