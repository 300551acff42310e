import Provenance

/// Where a person says what they think of a result, and saves it as a file: nothing is sent anywhere.
struct RatingForm {
  let caseName: String
  /// Digest of the run; see `CaseRating.subject(of:)`.
  let subject: String

  /// The controls; hidden without scripts, which alone can save a file.
  var html: String {
    let verdicts = CaseRating.Verdict.allCases.map {
      "<label><input type=\"radio\" name=\"rating\" value=\"\($0.rawValue)\"> \($0.rawValue)</label>"
    }
    let artefacts = CaseRating.Artefact.allCases.map {
      "<label><input type=\"checkbox\" value=\"\($0.rawValue)\"> \($0.title)</label>"
    }
    return """
      <section id="rating" class="screen" data-case="\(escaped(caseName))" data-manifest="\(escaped(subject))">
      <h2>Your rating</h2>
      <p class="hint">Saved as a file on this machine and sent nowhere. <code>pellucid report RESULTS --collect FOLDER</code> \
      gathers such files into the cohort.</p>
      <fieldset><legend>The result</legend><div>\(verdicts.joined(separator: "\n"))</div></fieldset>
      <fieldset><legend>Seen in it</legend><div>\(artefacts.joined(separator: "\n"))</div></fieldset>
      <label class="notes">Notes <span class="hint">(no names of persons)</span>
      <textarea rows="3" maxlength="\(CaseRating.longestNotes)"></textarea></label>
      <p class="tools"><button type="button">Save rating.json</button> <output class="hint" aria-live="polite"></output></p>
      </section>
      """
  }

  static let script = """
    {
      const box = document.querySelector('#rating'), said = box.querySelector('output');
      box.querySelector('button').addEventListener('click', () => {
        const verdict = box.querySelector('[type=radio]:checked');
        if (!verdict) {
          said.textContent = 'Choose accept, exclude or uncertain first.';
          box.querySelector('[type=radio]').focus();
          return;
        }
        const rating = {
          schema: '\(CaseRating.currentSchema)', case: box.dataset.case, manifest: box.dataset.manifest,
          rating: verdict.value, artefacts: [...box.querySelectorAll('[type=checkbox]:checked')].map(e => e.value),
          notes: box.querySelector('textarea').value.trim(), time: new Date().toISOString(),
        };
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([JSON.stringify(rating, null, 2) + '\\n'], { type: 'application/json' }));
        link.download = rating.case + '.rating.json';
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
        said.textContent = `Saved ${link.download}: ${rating.rating}.`;
      });
    }
    """
}
