import Diffusion
import Foundation
import Testing

struct NoiseScheduleTests {
  /// ALGORITHMS 1.2, linear schedule in double: label, A, a, s, lambda, kappa.
  static let linear: [(Int, Double, Double, Double, Double, Double)] = [
    (0, 9.999000e-1, 0.999950, 0.010000, 4.6051, 0.0100), (99, 8.970181e-1, 0.947110, 0.320908, 1.0823, 0.3388),
    (199, 6.590385e-1, 0.811812, 0.583919, 0.3295, 0.7193), (299, 3.964198e-1, 0.629619, 0.776904, -0.2102, 1.2339),
    (399, 1.951464e-1, 0.441754, 0.897136, -0.7085, 2.0309), (499, 7.858724e-2, 0.280334, 0.959902, -1.2308, 3.4241),
    (599, 2.587939e-2, 0.160871, 0.986975, -1.8140, 6.1352), (699, 6.966111e-3, 0.083463, 0.996511, -2.4799, 11.9395),
    (799, 1.532090e-3, 0.039142, 0.999234, -3.2398, 25.5285), (849, 6.659967e-4, 0.025807, 0.999667, -3.6568, 38.7364),
    (899, 2.752059e-4, 0.016589, 0.999862, -4.0989, 60.2714), (949, 1.080983e-4, 0.010397, 0.999946, -4.5662, 96.1761),
    (999, 4.035830e-5, 0.006353, 0.999980, -5.0588, 157.4073),
  ]

  @Test(arguments: linear)
  func `the linear schedule has the tabulated values`(_ row: (Int, Double, Double, Double, Double, Double)) {
    let schedule = NoiseSchedule.published
    let (label, survival, signal, noise, lambda, kappa) = row
    #expect(abs(schedule.alphaCumprod(label) / survival - 1) < 1e-6)
    #expect(abs(schedule.signal(label) - signal) < 1e-6)
    #expect(abs(schedule.noise(label) - noise) < 1e-6)
    #expect(abs(schedule.lambda(label) - lambda) < 6e-5)
    #expect(abs(schedule.kappa(label) - kappa) < 6e-5)
  }

  @Test(arguments: [
    ("quad", 499, 0.3331878), ("quad", 999, 7.33412e-4), ("sigmoid", 0, 0.9998508), ("sigmoid", 499, 0.3019311),
    ("sigmoid", 999, 3.96818e-5), ("sigmoid_decreasing", 0, 0.9800492), ("sigmoid_decreasing", 499, 1.314268e-4),
    ("sigmoid_decreasing", 999, 3.96818e-5), ("alpha_cosine", 0, 0.99995872), ("alpha_cosine", 499, 0.49384359),
    ("alpha_cosine", 999, 2.42877e-9), ("alpha_sigmoid", 499, 0.5012394), ("alpha_sigmoid", 999, 0.002478752),
    ("alpha_linear", 998, 1e-3), ("alpha_linear", 999, 1e-6), ("const", 0, 0.98), ("jsd", 0, 0.999),
    ("jsd", 999, 0),
  ])
  func `the other schedules have the published end points`(_ name: String, _ label: Int, _ survival: Double) throws {
    let schedule = try NoiseSchedule(named: name)
    let found = schedule.alphaCumprod(label)
    #expect(abs(found - survival) <= 1.5e-6 * survival + 1e-15, "\(found)")
  }

  @Test func `single betas of the capped and the sigmoid schedules`() throws {
    let cosine = try NoiseSchedule(named: "alpha_cosine")
    #expect(abs(cosine.betas[0] - 4.12842e-5) < 1e-10)
    #expect(cosine.betas.count { $0 == 0.999 } == 1)
    #expect(abs(cosine.lambda(998) + 6.464) < 1e-3)
    #expect((0..<1000).count { cosine.lambda($0) < -5.1 } == 4)
    let decreasing = try NoiseSchedule(named: "sigmoid_decreasing")
    #expect(abs(decreasing.betas[0] - 0.01995) < 1e-5)
    #expect(abs(decreasing.betas[999] - 0.000149) < 1e-6)
  }

  @Test(arguments: NoiseSchedule.names.filter { $0 != "jsd" })
  func `noise grows with the label and the squares add up to one`(_ name: String) throws {
    let schedule = try NoiseSchedule(named: name)
    #expect(schedule.timesteps == 1000)
    #expect(schedule.betas.allSatisfy { $0 > 0 && $0 <= 0.999 })
    for label in 0..<1000 {
      let (a, s) = (schedule.signal(label), schedule.noise(label))
      #expect(abs(a * a + s * s - 1) < 1e-12)
      #expect(schedule.lambda(label) < schedule.lambda(label - 1))
    }
  }

  @Test func `label -1 is the clean image`() {
    let schedule = NoiseSchedule.published
    #expect(schedule.signal(-1) == 1 && schedule.noise(-1) == 0 && schedule.kappa(-1) == 0)
    #expect(schedule.lambda(-1) == .infinity)
    #expect(schedule.node(-1) == .clean)
  }

  @Test func `a node made from lambda is the node of the schedule`() {
    for label in stride(from: 0, to: 1000, by: 37) {
      let node = NoiseSchedule.published.node(label)
      let made = Node(lambda: node.lambda, label: label)
      #expect(abs(made.signal - node.signal) < 1e-12 && abs(made.noise - node.noise) < 1e-12)
    }
  }

  @Test func `unknown names and impossible parameters are refused`() {
    #expect { try NoiseSchedule(named: "cosine") } throws: { ($0 as? DiffusionError)?.kind == .unknownName }
    for make in [
      { try NoiseSchedule(named: "linear", betaStart: 0, betaEnd: 0.5) },
      { try NoiseSchedule(named: "linear", betaStart: 1e-4, betaEnd: 1) },
      { try NoiseSchedule(named: "linear", timesteps: 1) },
      { try NoiseSchedule(named: "alpha_sigmoid", timesteps: 500) },
    ] as [() throws -> NoiseSchedule] {
      #expect { try make() } throws: { ($0 as? DiffusionError)?.kind == .parameterOutOfRange }
    }
  }
}
