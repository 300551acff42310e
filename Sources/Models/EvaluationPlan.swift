import NeuralNet
import TensorCore

extension UNet {
  /// Bytes of all parameters in the layout of the kernels, on the instruction set in use: what
  /// `PackedModel.byteCount` is once the model has been read.
  public var packedByteCount: Int {
    let shapes = layerShapes
    return parameterShapes.reduce(0) { sum, parameter in
      sum + (shapes[parameter.name]?.packedByteCount ?? 4 * parameter.shape.reduce(1, *))
    }
  }

  /// The most bytes that `PackedModel.read` has in memory at a time, the packed parameters included.
  public var readingByteCount: Int { packedByteCount + ModelReader.workingBytes(self) }

  /// The most bytes that one evaluation has in memory at a time, beside parameters and input, and then keeps for the next.
  ///
  /// Walks the forward pass with shapes alone, for the threads and the instruction set in use. `rows` and `columns` are
  /// multiples of `configuration.sizeMultiple`.
  public func evaluationBytes(batch: Int, rows: Int, columns: Int) -> Int {
    let plan = TensorPlan()
    let shapes = layerShapes
    let channels = [configuration.inputChannels - configuration.outputChannels, configuration.outputChannels]
    _ = forward(
      channels.map { plan.input([batch, rows, columns, $0]) }, PlannedLayers(plan: plan, shapes: shapes))
    return plan.peakBytes
  }

  /// The convolutions and linear maps by the name of their weights.
  private var layerShapes: [String: ConvolutionShape] {
    let list = parameterShapes
    let shapes = Dictionary(uniqueKeysWithValues: list.map { ($0.name, $0.shape) })
    return Dictionary(
      uniqueKeysWithValues: layers.map { layer in
        (layer.weights, layer.shape(ofWeights: shapes[layer.weights] ?? []))
      })
  }
}

/// The layers as a plan of their memory.
private struct PlannedLayers: UNetLayers {
  let plan: TensorPlan
  let shapes: [String: ConvolutionShape]

  func convolution(
    _ layer: UNetConvolution, _ input: [TensorPlan.Planned], residual: TensorPlan.Planned?
  ) -> TensorPlan.Planned {
    guard let shape = shapes["\(layer.name).weight"] else { preconditionFailure("no layer \(layer.name)") }
    return plan.convolution(shape, input, normalized: layer.norm != nil, wantsMoments: layer.normalizedLater)
  }

  func attention(q: TensorPlan.Planned, k: TensorPlan.Planned, v: TensorPlan.Planned) -> TensorPlan.Planned {
    plan.attention(q: q, k: k, v: v)
  }

  func channels(_ value: TensorPlan.Planned) -> Int { value.shape[3] }
}
