// swift-tools-version: 6.2
// The rooms of the house and the arrows between them. `Docs/Architecture.md` says what lives where and why;
// `make build` refuses an import that is not declared here.
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// Numeric targets are optimised in debug builds too, or the tests take minutes.
let numeric = strict + [SwiftSetting.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Floating-point contraction stays off so that the portable kernels give the same bits on every machine.
let kernels: [CSetting] = [
  .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fno-math-errno"]),
  .unsafeFlags(["-O3"], .when(configuration: .debug)),
]

/// The commit that is built, from `make release`; other builds do not know it.
///
/// What is no name of a commit is passed over.
let commit = Context.environment["BUILD_COMMIT"].flatMap { text in
  text.wholeMatch(of: /[A-Za-z0-9._-]{1,64}/) == nil ? nil : text
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "pellucid",
  products: [
    .executable(name: "pellucid", targets: ["pellucid"]),
    // For the tests alone: what they load into the executable to make its file-system calls go wrong.
    .library(name: "FaultShim", type: .dynamic, targets: ["FaultShim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System libraries.
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CLibPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // C: headers that we wrote, whatever is behind them.
    .target(name: "CKernels", cSettings: kernels, linkerSettings: [.linkedLibrary("m")]),
    .target(name: "CPNG", dependencies: ["CLibPNG"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(
      name: "CNIfTI", cSettings: [.unsafeFlags(["-I/usr/include/nifti", "-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [.linkedLibrary("nifti2"), .linkedLibrary("znz"), .linkedLibrary("z"), .linkedLibrary("m")]),
    .target(
      name: "CBuild",
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]
        + (commit.map { [.define("BUILD_COMMIT", to: "\"\($0)\"")] } ?? [])),
    .target(name: "CPosix", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),

    // Base.
    .target(name: "DurableFiles", dependencies: ["CPosix", crypto], swiftSettings: strict),
    .target(name: "TensorCore", dependencies: ["CKernels", "COpenBLAS"], swiftSettings: numeric),
    .target(name: "Configuration", dependencies: ["DurableFiles", yams], swiftSettings: strict),

    // Domain.
    .target(name: "NeuralNet", dependencies: ["TensorCore"], swiftSettings: numeric),
    .target(name: "Diffusion", dependencies: ["TensorCore"], swiftSettings: numeric),
    .target(name: "Evaluation", dependencies: ["TensorCore"], swiftSettings: numeric),
    .target(
      name: "Volumes", dependencies: ["TensorCore", "DurableFiles", "CNIfTI", "CPNG", "CZlib"], swiftSettings: numeric),
    .target(name: "Provenance", dependencies: ["DurableFiles"], swiftSettings: strict),
    .target(name: "BatchQueue", dependencies: ["DurableFiles", "CPosix"], swiftSettings: strict),

    // Join.
    .target(
      name: "Models", dependencies: ["NeuralNet", "Diffusion", "DurableFiles", "TensorCore", "CZlib"],
      swiftSettings: numeric),
    .target(name: "Transforms", dependencies: ["Volumes", "TensorCore"], swiftSettings: numeric),

    .target(
      name: "Reports",
      dependencies: ["Transforms", "Evaluation", "Volumes", "Provenance", "TensorCore", "DurableFiles", "CZlib"],
      swiftSettings: numeric),

    // Compose.
    .target(
      name: "Pipeline",
      dependencies: [
        "Models", "Diffusion", "Transforms", "Reports", "Volumes", "Provenance", "Evaluation", "TensorCore",
        "DurableFiles", "CBuild",
      ], swiftSettings: numeric),
    .target(
      name: "Training",
      dependencies: [
        "Models", "NeuralNet", "Diffusion", "Transforms", "Volumes", "TensorCore", "DurableFiles", "Configuration",
      ],
      swiftSettings: numeric),

    .target(
      name: "Cases",
      dependencies: [
        "Pipeline", "Reports", "BatchQueue", "Configuration", "Models", "Diffusion", "Transforms", "Volumes",
        "Provenance",
        "DurableFiles", "CPosix",
      ], swiftSettings: strict),

    // Tools.
    .executableTarget(
      name: "pellucid",
      dependencies: [
        "Cases", "BatchQueue", "Pipeline", "Reports", "Training", "Models", "Diffusion", "Volumes", "Evaluation",
        "Provenance", "TensorCore", "DurableFiles", "NeuralNet", "Transforms", "Configuration", argumentParser,
      ], swiftSettings: strict),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["TensorCore", "CPosix"], path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(name: "DurableFilesTests", dependencies: ["DurableFiles", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "ConfigurationTests", dependencies: ["Configuration", "DurableFiles", "TestSupport"], swiftSettings: strict),
    .executableTarget(
      name: "QueueTestServer", dependencies: ["BatchQueue", "DurableFiles", "CPosix"], path: "Tests/QueueTestServer",
      swiftSettings: strict),
    .testTarget(
      name: "BatchQueueTests", dependencies: ["BatchQueue", "DurableFiles", "TestSupport", "QueueTestServer"],
      swiftSettings: strict),
    .testTarget(
      name: "TensorCoreTests", dependencies: ["TensorCore", "CKernels", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "NeuralNetTests", dependencies: ["NeuralNet", "TensorCore", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Diffusion", "TensorCore", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Evaluation", "TensorCore", "TestSupport"], exclude: ["Fixtures"],
      swiftSettings: numeric),
    .testTarget(
      name: "VolumesTests", dependencies: ["Volumes", "TensorCore", "DurableFiles", "TestSupport"],
      exclude: ["Fixtures"],
      swiftSettings: numeric),
    .testTarget(
      name: "ProvenanceTests", dependencies: ["Provenance", "DurableFiles", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "ModelsTests",
      dependencies: ["Models", "NeuralNet", "Diffusion", "TensorCore", "DurableFiles", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: numeric),
    .testTarget(
      name: "TransformsTests", dependencies: ["Transforms", "Volumes", "TensorCore", "TestSupport"],
      swiftSettings: numeric),
    .testTarget(
      name: "ReportsTests",
      dependencies: ["Reports", "Provenance", "Volumes", "TensorCore", "DurableFiles", "TestSupport"],
      swiftSettings: numeric),
    .testTarget(
      name: "PipelineTests",
      dependencies: [
        "Pipeline", "Evaluation", "Models", "Diffusion", "Transforms", "Volumes", "Provenance", "TensorCore",
        "DurableFiles", "TestSupport",
      ],
      swiftSettings: numeric),
    .testTarget(
      name: "CasesTests", dependencies: ["Cases", "BatchQueue", "Provenance", "DurableFiles", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "Models", "NeuralNet", "Diffusion", "Volumes", "Transforms", "TensorCore", "DurableFiles",
        "Configuration", "TestSupport",
      ], exclude: ["Fixtures"], swiftSettings: numeric),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "pellucid", "Configuration", "Models", "NeuralNet", "Diffusion", "Volumes", "Transforms", "TensorCore",
        "Provenance", "DurableFiles", "TestSupport",
      ],
      swiftSettings: strict),
    .target(name: "FaultShim", path: "Tests/FaultShim", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .testTarget(
      name: "ReliabilityTests",
      dependencies: [
        "pellucid", "BatchQueue", "Models", "Diffusion", "NeuralNet", "TensorCore", "DurableFiles", "CPosix",
        "TestSupport",
      ], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

/// `make fuzz` sets this; no other build has the fuzzed executable or knows of it.
if Context.environment["PELLUCID_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "Volumes", "Models", "Training", "Provenance", "Diffusion", "TensorCore", "DurableFiles", "Configuration",
        "CZlib",
      ],
      path: "Tests/Fuzz", exclude: ["Seeds", "Dictionaries", "README.md", "make_seeds.py"],
      swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
