import DurableFiles
import Testing

@testable import Cases

/// Known answers are from the filename templates and the entity table of BIDS 1.11.1.
@Suite("Names of images in BIDS datasets")
struct BIDSNameTests {
  private func parsed(_ path: String) -> BIDSName? { BIDSName(RelativePath(path)) }

  @Test(
    "a raw name gives its derivative's: every entity stays in its place, desc comes last before the suffix",
    arguments: [
      ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_desc-denoised_T1w"),
      ("sub-01/anat/sub-01_FLAIR.nii", "sub-01/anat/sub-01_desc-denoised_FLAIR"),
      ("sub-01/ses-pre/anat/sub-01_ses-pre_T2w.nii.gz", "sub-01/ses-pre/anat/sub-01_ses-pre_desc-denoised_T2w"),
      (
        "sub-A1+b/ses-2/anat/sub-A1+b_ses-2_task-rest_acq-highres_ce-gd_rec-norm_run-02_echo-1_part-mag_chunk-3_T2starw.nii.gz",
        "sub-A1+b/ses-2/anat/sub-A1+b_ses-2_task-rest_acq-highres_ce-gd_rec-norm_run-02_echo-1_part-mag_chunk-3_desc-denoised_T2starw"
      ),
      ("sub-01/anat/sub-01_acq-mp2rage_UNIT1.nii.gz", "sub-01/anat/sub-01_acq-mp2rage_desc-denoised_UNIT1"),
      ("sub-01/dwi/sub-01_acq-b0_dir-AP_run-1_ADC.nii", "sub-01/dwi/sub-01_acq-b0_dir-AP_run-1_desc-denoised_ADC"),
      ("sub-01/dwi/sub-01_S0map.nii.gz", "sub-01/dwi/sub-01_desc-denoised_S0map"),
    ])
  func derivative(raw: String, expected: String) throws {
    let name = try #require(parsed(raw))
    #expect(name.derivative("denoised") == expected)
    #expect(name.path == raw, "Sources leads back to this very file")
    #expect(expected + name.ending != raw)
    #expect(parsed(expected + name.ending) == nil, "no raw name has desc, so a derivative is never taken for one")
  }

  @Test(
    "names that the standard does not know keep their results in cases/",
    arguments: [
      // No modality of the standard: CT; no image: a mask; nothing that was ever defined.
      "sub-01/ct/sub-01_ct.nii.gz", "sub-01/anat/sub-01_ct.nii.gz", "sub-01/anat/sub-01_CT.nii",
      "sub-01/anat/sub-01_defacemask.nii.gz", "sub-01/anat/sub-01_scan.nii.gz", "sub-01/anat/sub-01_t1w.nii.gz",
      "sub-01/other/sub-01_T1w.nii.gz", "sub-01/dwi/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_ADC.nii.gz",
      // Derivatives of these need facts that no record has.
      "sub-01/func/sub-01_task-rest_bold.nii.gz", "sub-01/pet/sub-01_pet.nii.gz", "sub-01/perf/sub-01_asl.nii.gz",
      "sub-01/dwi/sub-01_dwi.nii.gz", "sub-01/fmap/sub-01_phasediff.nii.gz", "sub-01/anat/sub-01_inv-1_MP2RAGE.nii.gz",
      // Derivatives already: space needs SpatialReference, res needs Resolution, and the skull may be gone.
      "sub-01/anat/sub-01_space-MNI152NLin2009cAsym_T1w.nii.gz", "sub-01/anat/sub-01_res-2x_T1w.nii.gz",
      "sub-01/anat/sub-01_desc-preproc_T1w.nii.gz",
      // Out of order, twice, unknown, of the wrong kind, empty.
      "sub-01/anat/sub-01_run-1_acq-a_T1w.nii.gz", "sub-01/anat/sub-01_run-1_run-2_T1w.nii.gz",
      "sub-01/anat/sub-01_sub-01_T1w.nii.gz", "sub-01/anat/acq-a_sub-01_T1w.nii.gz",
      "sub-01/anat/sub-01_colour-red_T1w.nii.gz", "sub-01/anat/sub-01_run-a_T1w.nii.gz",
      "sub-01/anat/sub-01_part-half_T2w.nii.gz", "sub-01/anat/sub-01_echo-1_T1map.nii.gz",
      "sub-01/anat/sub-01_acq-_T1w.nii.gz", "sub-01/anat/sub-01_acq-a-b_T1w.nii.gz", "sub-01/anat/sub-01__T1w.nii.gz",
      "sub-01/anat/T1w.nii.gz", "sub-01/anat/sub-01_T1w.png", "sub-01/anat/sub-01_T1w.hdr", "sub-01/anat/sub-01_T1w",
      // Where it does not lie, or not deep enough, or too deep.
      "sub-02/anat/sub-01_T1w.nii.gz", "sub-01/ses-2/anat/sub-01_ses-1_T1w.nii.gz",
      "sub-01/ses-1/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_ses-1_T1w.nii.gz", "sub-01/sub-01_T1w.nii.gz",
      "sub-01_T1w.nii.gz", "rawdata/sub-01/anat/sub-01_T1w.nii.gz", "sub-01/ses-1/anat/x/sub-01_ses-1_T1w.nii.gz", "",
    ])
  func unknown(path: String) { #expect(parsed(path) == nil) }

  @Test(
    "hostile names are no BIDS names",
    arguments: [
      "../anat/.._T1w.nii.gz", "sub-../anat/sub-.._T1w.nii.gz", "sub-01/../sub-01_T1w.nii.gz",
      "sub-01\n/anat/sub-01\n_T1w.nii.gz", "sub-01/anat/sub-01_T1w\n.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz\n",
      "sub-ä/anat/sub-ä_T1w.nii.gz", "sub-٣/anat/sub-٣_T1w.nii.gz", "sub-01/anat/sub-01_run-٣_T1w.nii.gz",
      "sub-01/anat/sub-01_acq-\u{1B}[31m_T1w.nii.gz", "sub-<b>/anat/sub-<b>_T1w.nii.gz",
      "sub-01 /anat/sub-01 _T1w.nii.gz", "-sub-01/anat/-sub-01_T1w.nii.gz", "sub-%s/anat/sub-%s_T1w.nii.gz",
      "sub-\u{202E}1/anat/sub-\u{202E}1_T1w.nii.gz",
    ])
  func hostile(path: String) { #expect(parsed(path) == nil) }

  @Test("names that are no text, and names without room for what a derivative adds, are no BIDS names")
  func bytesAndLength() {
    let folder = RelativePath("sub-01/anat")
    #expect(BIDSName(folder.appending(Array("sub-01_acq-".utf8) + [0xFF] + Array("_T1w.nii.gz".utf8))) == nil)
    // A file's name has 255 bytes at most; "_desc-denoised" and eight digits are added.
    func withLabel(_ count: Int) -> String {
      "sub-01/anat/sub-01_acq-\(String(repeating: "a", count: count))_T1w.nii.gz"
    }
    let derived = parsed(withLabel(170))?.derivative("denoised01234567").split(separator: "/").last
    #expect(derived.map { $0.utf8.count + ".nii.gz".utf8.count <= 255 } == true)
    #expect(parsed(withLabel(230)) == nil)
  }
}
