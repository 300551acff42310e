/// The looks and the little behaviour of a report.
///
/// Both are fixed texts, so that the page's policy can name their digests and forbid everything else.
enum ReportStyle {
  static let css = """
    :root{color-scheme:dark light}
    body{margin:0 auto;max-width:72rem;padding:0 1rem 3rem;font:15px/1.5 system-ui,sans-serif;background:#111;color:#e8e8e8}
    h1{font-size:1.4rem;margin:1rem 0 .2rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .5rem}
    .banner{background:#7a1f00;color:#fff;padding:.5rem 1rem;margin:0 -1rem;font-weight:600}
    .planes{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem;align-items:start}
    figure{margin:0}figcaption{font-size:.85rem;color:#bbb;padding:.2rem 0}
    .compare{position:relative;background:#000;overflow:hidden;--split:50%}
    .compare img{position:absolute;inset:0;width:100%;height:100%;object-fit:fill;image-rendering:auto}
    .compare .after{clip-path:inset(0 0 0 var(--split))}
    .compare .line{position:absolute;top:0;bottom:0;left:var(--split);width:2px;margin-left:-1px;background:#ffb000}
    .compare input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize}
    .compare:focus-within{outline:2px solid #ffb000}
    .compare b,.strip b{position:absolute;font-size:.8rem;color:#ffd27a;text-shadow:0 0 3px #000;pointer-events:none}
    .left{left:.3rem;top:48%}.right{right:.3rem;top:48%}.top{left:48%;top:.1rem}.bottom{left:48%;bottom:.1rem}
    .word0{left:.3rem;bottom:.1rem}.word1{right:.3rem;bottom:.1rem}
    .strip img{width:100%;height:auto;display:block}
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #333;
    vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;color:#ccc;white-space:nowrap}
    svg{width:100%;height:auto;background:#191919}path{fill:none;stroke-width:1.5}.h0{stroke:#ff8f5a}.h1{stroke:#5ac8fa}
    .axis{display:flex;justify-content:space-between;margin:.2rem 0;color:#bbb;font-size:.85rem}
    .k0,.k1{display:inline-block;width:1rem;height:.2rem;vertical-align:middle;background:#ff8f5a}.k1{background:#5ac8fa}
    pre{background:#191919;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
    .note{color:#ffd27a}
    @media print{body{background:#fff;color:#000;max-width:none}th,figcaption,.axis{color:#333}pre,svg{background:#f4f4f4}
    td,th{border-color:#ccc}.banner{color:#000;background:#fff;border:2px solid #7a1f00}}
    """

  static let script = """
    for (const box of document.querySelectorAll('.compare')) {
      const input = box.querySelector('input');
      const move = () => box.style.setProperty('--split', input.value + '%');
      input.addEventListener('input', move);
      move();
    }
    """
}
