import Configuration
import Foundation
import TestSupport
import Testing

@Suite("Workflows are found by name or by what they match")
struct WorkflowLibraryTests {
  private func write(_ root: URL, _ path: String, _ text: String = "model: m") throws {
    let url = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  @Test func `folders are searched in the stated order, the first hit wins`() throws {
    try withTemporaryFolder { root in
      let library = WorkflowLibrary(
        first: [root.appendingPathComponent("flag")],
        environment: ["PELLUCID_WORKFLOWS": "\(root.path)/one:two", "HOME": root.appendingPathComponent("home").path],
        workingFolder: root.appendingPathComponent("work"),
        executable: root.appendingPathComponent("clone/.build/release/pellucid"))
      let order = [
        "home/.local/share/pellucid/workflows", "clone/.build/share/pellucid/workflows", "clone/Workflows",
        "work/Workflows", "work/two", "one", "flag",
      ]
      for folder in order {
        try write(root, "\(folder)/a.yaml", "model: \(folder.split(separator: "/")[0])")
        #expect(try library.workflow(named: "a").model == String(folder.split(separator: "/")[0]))
        #expect(library.available.map(\.url.path) == [root.appendingPathComponent("\(folder)/a.yaml").path])
      }
    }
  }

  @Test func `workflows are the yaml files directly in a folder`() throws {
    try withTemporaryFolder { root in
      for path in ["a.yaml", "b.yaml", "training/c.yaml", ".d.yaml", "e.yml", "f.txt", "g.pellucid.yaml"] {
        try write(root, path)
      }
      #expect(WorkflowLibrary(folders: [root]).available.map(\.name) == ["a", "b"])
    }
  }

  @Test func `a name that is not there is told with those that are`() throws {
    try withTemporaryFolder { root in
      try write(root, "ct.yaml")
      let error = refusal { _ = try WorkflowLibrary(folders: [root]).workflow(named: "tc") }
      #expect(error?.kind == .notFound && error?.reason.contains("known workflows: ct;") == true)
      #expect(error?.reason.contains(root.path) == true)
      #expect(refusal { _ = try WorkflowLibrary(folders: []).workflow(named: "x") }?.kind == .notFound)
    }
  }

  @Test(
    "a name that leads elsewhere is no name",
    arguments: ["../a", "a/b", "/etc/passwd", "", ".a", "a\u{1B}b", "a.yaml/"])
  func name(text: String) throws {
    try withTemporaryFolder { root in
      try write(root, "a.yaml")
      let error = refusal {
        _ = try WorkflowLibrary(folders: [root.appendingPathComponent("sub"), root]).workflow(named: text)
      }
      #expect(error?.kind == .value && error?.description.unicodeScalars.contains("\u{1B}") == false)
    }
  }

  @Test func `exactly one workflow must match`() throws {
    try withTemporaryFolder { root in
      try write(root, "asked.yaml")
      try write(root, "ct.yaml", "model: m\nmatch: {formats: [nifti], names: [\"ct*\"]}")
      try write(root, "mr.yaml", "model: m\nmatch: {formats: [nifti], names: [\"mr*\", \"ct_mr*\"]}")
      let library = WorkflowLibrary(folders: [root])
      #expect(try library.matching(fileName: "ct1.nii", format: .nifti).name == "ct")
      #expect(try library.matching(fileName: "mr.nii.gz", format: .nifti).name == "mr")
      let none = refusal { _ = try library.matching(fileName: "pet.nii", format: .nifti) }
      #expect(none?.kind == .notFound && none?.reason.contains("asked, ct, mr") == true)
      #expect(none?.reason.contains("pet") == false, "names of scans stay out of messages")
      let two = refusal { _ = try library.matching(fileName: "ct_mr.nii", format: .nifti) }
      #expect(two?.kind == .ambiguous && two?.reason.contains(": ct, mr;") == true)
      #expect(refusal { _ = try library.matching(fileName: "ct1.png", format: .png) }?.kind == .notFound)
    }
  }

  @Test func `a workflow that is wrong is an error for every file, as it might be the one`() throws {
    try withTemporaryFolder { root in
      try write(root, "good.yaml", "model: m\nmatch: {formats: [png]}")
      try write(root, "wrong.yaml", "model: m\nmacth: {formats: [nifti]}")
      let error = refusal { _ = try WorkflowLibrary(folders: [root]).matching(fileName: "a.png", format: .png) }
      #expect(error?.description.hasPrefix("wrong.yaml: line 2: ") == true)
    }
  }

  @Test func `what is no workflow file is not read as one`() throws {
    try withTemporaryFolder { root in
      try write(root, "a.yml")
      #expect(refusal { _ = try Workflow.read(root.appendingPathComponent("a.yml")) }?.kind == .value)
    }
  }

  @Test func `the shipped workflows are read, and one of them takes what is dropped without a word`() throws {
    let library = WorkflowLibrary(folders: [Repository.root.appendingPathComponent("Workflows")])
    #expect(
      library.available.map(\.name) == [
        "ct-denoise", "ct-denoise-fast", "mr-denoise", "mr-superres", "mr-t1-to-t2", "mr-t2-to-t1",
      ])
    let slow = try library.workflow(named: "ct-denoise")
    let fast = try library.workflow(named: "ct-denoise-fast")
    #expect(slow.model == "ct-denoise" && slow.sampler == "ddim" && slow.task == .denoise)
    #expect(fast.model == "ct-denoise" && fast.sampler == "pfdiff-1_1" && fast.match == nil)
    #expect(try library.matching(fileName: "scan.nii.gz", format: .nifti) == slow)
    #expect(refusal { _ = try library.matching(fileName: "scan.png", format: .png) }?.kind == .notFound)
  }

  @Test func `of the workflows that match, those of a site come before those of the program`() throws {
    try withTemporaryFolder { root in
      for path in ["site/mr.yaml", "program/ct.yaml", "program/other.yaml"] {
        try write(root, path, "model: m\nmatch: {formats: [nifti]}")
      }
      let (site, program) = (root.appendingPathComponent("site"), root.appendingPathComponent("program"))
      let library = WorkflowLibrary(folders: [site, program])
      #expect(try library.matching(fileName: "a.nii", format: .nifti).name == "mr")
      #expect(throws: ConfigurationError.self) {
        try WorkflowLibrary(folders: [program]).matching(fileName: "a.nii", format: .nifti)
      }
    }
  }

  @Test func `a folder that is nearly a workflow's name is told from one that is none`() throws {
    try withTemporaryFolder { root in
      for name in ["ct-denoise", "head"] { try write(root, "\(name).yaml") }
      let library = WorkflowLibrary(folders: [root])
      #expect(library.likelyMeant(by: "CT-Denoise") == "ct-denoise")
      #expect(library.likelyMeant(by: "ct-denose") == "ct-denoise")
      #expect(library.likelyMeant(by: "Head") == "head")
      for other in ["ct-denoise", "heat", "siteA", "patient-17"] { #expect(library.likelyMeant(by: other) == nil) }
    }
  }
}
