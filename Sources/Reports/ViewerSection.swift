import Foundation

/// The part of a case page that holds the viewer, or the line that says why there is none.
struct ViewerSection {
  let program: Data
  let volumes: ViewerVolumes
  let scale: GreyScale
  let reach: Float
  let unit: String
  /// Whether the image knows where the patient's sides are.
  let isOriented: Bool

  /// What stands where the viewer would be.
  static let missing = """
    <section><h2>Look around</h2><p class="hint">This page was made without the interactive viewer: its file was not \
    found. `make viewer` installs it.</p></section>
    """

  var html: String {
    let (low, high) = (Double(scale.low), Double(scale.high))
    return """
      <section id="viewer" data-low="\(low)" data-high="\(high)" data-reach="\(Double(reach))" \
      data-oriented="\(isOriented)" \
      data-unit="\(escaped(unit))"><h2>Look around</h2>
      <p class="hint">\(escaped(grid)) Drawn by NiiVue, which this page carries: nothing is loaded from elsewhere.</p>
      <p><button type="button" id="viewer-start">Open the viewer</button> <span class="hint" id="viewer-state" role="status"></span></p>
      <div class="tools"><fieldset><legend>Show</legend>\
      \(buttons("layer", [("before", "Before"), ("after", "After"), ("residual", "Residual")]))</fieldset>
      <fieldset><legend>As</legend>\
      \(buttons("view", [("3", "Planes"), ("0", "Axial"), ("1", "Coronal"), ("2", "Sagittal"), ("4", "Volume")]))</fieldset></div>
      <div class="frame"><canvas id="viewer-canvas" tabindex="0" role="img" aria-label="Slices of the volume; click to move the cross, \
      scroll to change the slice, drag with the right button to change the window"></canvas>
      <span>Research use only</span><b></b><b></b><b></b><b></b></div>
      <output id="viewer-place"></output>
      <script type="application/gzip" id="viewer-program">\(program.base64EncodedString())</script>
      \(volumes.layers.map { "<script type=\"application/gzip\" id=\"viewer-\($0.name)\">\($0.base64)</script>" }
        .joined(separator: "\n"))
      <details class="screen"><summary class="hint">Licence of NiiVue</summary><pre>\(escaped(lines: Self.licence))</pre></details></section>
      """
  }

  /// The licence under which the viewer's program is passed on: it must go with it.
  private static let licence = """
    Copyright (c) 2025, Niivue
    All rights reserved.

    Redistribution and use in source and binary forms, with or without
    modification, are permitted provided that the following conditions are met:

    1. Redistributions of source code must retain the above copyright notice, this
       list of conditions and the following disclaimer.

    2. Redistributions in binary form must reproduce the above copyright notice,
       this list of conditions and the following disclaimer in the documentation
       and/or other materials provided with the distribution.

    THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
    AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
    IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
    DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
    FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
    DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
    SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
    CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
    OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
    OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
    """

  private var grid: String {
    guard volumes.factors != [1, 1, 1] else { return "Before, after and residual, voxel by voxel." }
    let blocks = volumes.factors.map(String.init).joined(separator: " × ")
    return "Before, after and residual, coarser than the scan: each voxel shown is the mean of \(blocks)."
  }

  private func buttons(_ name: String, _ choices: [(String, String)]) -> String {
    choices.enumerated().map { index, choice in
      "<button type=\"button\" data-\(name)=\"\(choice.0)\" aria-pressed=\"\(index == 0)\">\(choice.1)</button>"
    }.joined()
  }

  /// Starts the viewer when it is asked for: five megabytes of program are unpacked only then.
  static let script = """

    (() => {
      const part = name => document.getElementById('viewer-' + name), box = document.getElementById('viewer');
      const { low, high, reach, unit, oriented } = box.dataset;
      const unpack = async name => {
        const bytes = Uint8Array.from(atob(part(name).textContent.trim()), letter => letter.charCodeAt(0));
        return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
      };
      const press = (name, value) => {
        for (const button of box.querySelectorAll(`[data-${name}]`))
          button.setAttribute('aria-pressed', String(button.dataset[name] === value));
      };
      const number = value => (Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString()).replace('-', '\\u2212');
      const open = async () => {
        const url = URL.createObjectURL(new Blob([await unpack('program')], { type: 'text/javascript' }));
        const { Niivue } = await import(url);
        URL.revokeObjectURL(url);
        box.classList.add('open');
        const viewer = new Niivue({
          isRadiologicalConvention: true, isNearestInterpolation: true, dragAndDropEnabled: false, show3Dcrosshair: true,
          crosshairColor: [1, 0.7, 0.33, 0.8], fontColor: [1, 0.89, 0.66, 1], multiplanarShowRender: 0, loadingText: '',
          logLevel: 'silent', textHeight: -1, showAllOrientationMarkers: true,
          sagittalNoseLeft: true, crosshairWidth: 0.5, crosshairGap: 8, isOrientationTextVisible: oriented === 'true',
        });
        await viewer.attachToCanvas(part('canvas'));
        viewer.addColormap('residual', @@COLOURS@@);
        for (const name of ['before', 'after', 'residual']) await viewer.loadFromArrayBuffer(await unpack(name), name + '.nii');
        const volumes = viewer.volumes;
        for (const volume of volumes.slice(0, 2)) [volume.cal_min, volume.cal_max] = [Number(low), Number(high)];
        [volumes[2].cal_min, volumes[2].cal_max] = [-reach, Number(reach)];
        viewer.setColormap(volumes[2].id, 'residual');
        const show = name => {
          volumes[1].opacity = name === 'after' ? 1 : 0;
          volumes[2].opacity = name === 'residual' ? 1 : 0;
          viewer.updateGLVolume();
          press('layer', name);
        };
        viewer.onLocationChange = place => {
          const [before, after, residual] = place.values.map(entry => number(entry.value));
          part('place').textContent = `${place.mm.slice ? [...place.mm].slice(0, 3).map(value => number(value)).join(', ') : ''} mm: `
            + `before ${before} ${unit}, after ${after} ${unit}, residual ${residual} ${unit}`;
        };
        for (const button of box.querySelectorAll('[data-layer]')) button.addEventListener('click', () => show(button.dataset.layer));
        for (const button of box.querySelectorAll('[data-view]')) button.addEventListener('click', () => {
          // With a single plane NiiVue misplaces the letter of the patient's right: we write them ourselves.
          const letters = oriented === 'true' ? { 0: 'RLAP', 1: 'RLSI', 2: 'APSI' }[button.dataset.view] : undefined;
          box.querySelectorAll('.frame b').forEach((place, index) => { place.textContent = letters ? letters[index] : ''; });
          viewer.opts.isOrientationTextVisible = oriented === 'true' && !letters;
          viewer.setSliceType(Number(button.dataset.view));
          press('view', button.dataset.view);
        });
        viewer.setSliceType(3);
        show('before');
      };
      part('start').addEventListener('click', async () => {
        part('start').disabled = true;
        part('state').textContent = 'Unpacking …';
        try {
          await open();
          part('start').parentElement.hidden = true;
          box.dataset.state = 'open';
        } catch (error) {
          part('state').textContent = 'The viewer does not start here; it needs WebGL 2. ' + error;
          box.dataset.state = 'failed';
        }
      });
    })();
    """.replacing("@@COLOURS@@", with: ColourMap.diverging.table)
}

extension ColourMap {
  /// The colours as NiiVue takes them.
  var table: String {
    func list(_ values: [Int]) -> String { "[\(values.map(String.init).joined(separator: ","))]" }
    func channel(_ index: Int) -> String { list(stops.map { Int(($0[index] * 255).rounded()) }) }
    let places = stops.indices.map { $0 * 255 / (stops.count - 1) }
    return "{R:\(channel(0)),G:\(channel(1)),B:\(channel(2)),A:\(list(stops.map { _ in 255 })),I:\(list(places))}"
  }
}
