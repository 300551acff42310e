/// The looks of all pages.
///
/// Style and script are fixed texts, so that a page's policy can name their digests and forbid everything else.
enum PageStyle {
  /// What case pages and cohort pages share.
  static let base =
    Palette.properties + """
      *{box-sizing:border-box}
      body{margin:0;background:var(--background);color:var(--text);
      font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
      font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
      main{max-width:74rem;margin:0 auto;padding:0 clamp(1rem,3vw,2rem) 4rem}
      .banner{position:sticky;top:0;z-index:9;margin:0;padding:.45rem clamp(1rem,3vw,2rem);background:var(--banner);
      color:var(--on-banner);font-size:.82rem;line-height:1.4;font-weight:650;text-transform:uppercase;letter-spacing:.08em;
      max-width:none;text-align:center}
      h1{font-size:clamp(1.5rem,3.4vw,2.1rem);line-height:1.2;font-weight:650;letter-spacing:-.01em;margin:.1rem 0 .4rem;
      overflow-wrap:anywhere}
      h2{font-size:1.25rem;font-weight:650;margin:3rem 0 .3rem;padding-top:1.1rem;border-top:1px solid var(--rule)}
      h3{font-size:1rem;font-weight:600;margin:1.5rem 0 .4rem}
      p{margin:.4rem 0 .8rem;max-width:68ch}.lead,.hint,figcaption{color:var(--dim)}.hint,figcaption{font-size:.875rem}
      .eyebrow{color:var(--dim);text-transform:uppercase;letter-spacing:.12em;font-size:.78rem;margin:2rem 0 0}
      a{color:var(--after)}code,pre,.hash{font-family:ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:.85em}
      figure{margin:0}figcaption{padding:.35rem 0 0}
      :focus-visible{outline:3px solid var(--after);outline-offset:2px;border-radius:3px}
      .keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,14.5rem),1fr));gap:.75rem;margin:1.4rem 0 0}
      .keys div{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:.8rem 1rem}
      .keys dt{color:var(--dim);font-size:.85rem}.keys dd{margin:.1rem 0 0;font-size:1.45rem;font-weight:600;line-height:1.3}
      .keys dd small{font-size:.6em;font-weight:500;color:var(--dim)}.keys dd.note{font-size:.85rem;font-weight:400;color:var(--dim)}
      .before{color:var(--before)}.after{color:var(--after)}.good{color:var(--good)}.alert{color:var(--alert)}
      .remarks{margin:1.2rem 0 0;padding:.8rem 1rem .8rem 2.2rem;border:1px solid var(--alert);border-radius:10px;
      background:var(--panel);overflow-wrap:anywhere}
      table{border-collapse:collapse;width:100%;font-size:.93rem}
      td,th{text-align:left;padding:.42rem .8rem .42rem 0;border-bottom:1px solid var(--rule);vertical-align:top;
      overflow-wrap:anywhere}
      th{font-weight:500;color:var(--dim)}thead th{font-weight:600}
      button{font:inherit;font-size:.9rem;color:var(--text);background:var(--panel);border:1px solid #6b7c8c;border-radius:7px;
      padding:.35rem .85rem;cursor:pointer}button:hover{border-color:var(--text)}
      button[aria-pressed=true]{background:var(--text);color:var(--background);border-color:var(--text)}
      .chart svg{display:block;width:100%;height:auto;background:var(--panel);border:1px solid var(--rule);border-radius:10px}
      .chart text{fill:var(--dim);font-size:12px}.chart path{fill:none}.grid{stroke:var(--rule)}.axis{stroke:#6b7c8c}
      .chart .area{stroke-width:1.6}.area.before,.area.rest{stroke:var(--before);fill:var(--before);fill-opacity:.14}
      .area.after{stroke:var(--after);fill:var(--after);fill-opacity:.14}
      .line-input,.line-rest{stroke-width:1.8}.line-input{stroke:var(--text)}.line-rest{stroke:var(--before)}
      .white{stroke:var(--before);stroke-width:1.2;stroke-dasharray:2 4;opacity:.8}
      .key{white-space:nowrap;print-color-adjust:exact;-webkit-print-color-adjust:exact}.key::before{content:"";display:inline-block;width:1.1em;height:.25em;margin:0 .4em .2em 0;
      background:currentColor}.key.rest{color:var(--before)}.key.input{color:var(--text)}
      @media print{:root{color-scheme:light;--background:#fff;--panel:#fff;--rule:#bbb;--text:#000;--dim:#333;--before:#8a4b00;
      --after:#00557f;--alert:#8a1f00;--good:#00552b;--banner:#fff;--on-banner:#000}
      @page{size:A4;margin:9mm}body{font-size:7pt;line-height:1.3}main{max-width:none;padding:0}
      .banner{position:static;border:1pt solid #6d1f0c;padding:.7mm;font-size:8pt}h1{font-size:12pt;margin:0}
      h2{font-size:8.5pt;margin:1mm 0 .5mm;padding-top:.7mm}h3{font-size:7.5pt;margin:1mm 0 .5mm}p{margin:0 0 .5mm;max-width:none}
      .eyebrow{margin:.7mm 0 0;font-size:6pt}.hint,figcaption,table,.keys dt,.keys dd.note{font-size:6.2pt;line-height:1.25}
      figcaption{padding:.5mm 0 0}.keys{grid-template-columns:repeat(4,1fr);gap:1.5mm;margin:1mm 0 0}
      .keys div{padding:.6mm 2mm;border-radius:1.5mm}.keys dd{font-size:9.5pt;margin:0}td,th{padding:.25mm 2mm .25mm 0}
      .remarks{margin:1mm 0 0;padding:.6mm 2mm .6mm 5mm;border-radius:1.5mm}.chart svg{border-radius:1mm}
      figure,.keys div,tr{break-inside:avoid}button,.screen{display:none!important}}
      """

  /// What only case pages have: pictures to compare, and the viewer.
  static let casePage = """
    .tools{display:none;gap:.5rem;flex-wrap:wrap;align-items:center;margin:.8rem 0}.js .tools{display:flex}
    .pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1.6rem;align-items:start;
    margin:1rem 0}
    .stage{position:relative;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:2px;
    background:#000;--split:50%;border-radius:4px;overflow:hidden}
    .layer{position:relative}.layer img{display:block;width:100%;height:auto}
    .layer svg{position:absolute;inset:0;width:100%;height:100%;pointer-events:none}
    .layer text{fill:#fff;paint-order:stroke;stroke:#000;stroke-width:.22em;stroke-linejoin:round;font-weight:600}
    .layer .number{fill:#c9d3dc;font-weight:500}.layer .side{fill:#ffe2a8}.layer text.before{fill:var(--mark-before)}
    .layer text.after{fill:var(--mark-after)}.layer text.bar{stroke:none;fill:#d7dee5;font-weight:500}
    .layer{--mark-before:#ffb454;--mark-after:#6fd3ff}path.bar{fill:none;stroke:#d7dee5}
    .line{display:none}.js .stage{display:block;cursor:ew-resize;touch-action:pan-y;user-select:none}
    .js .second{position:absolute;inset:0;
    mask:linear-gradient(90deg,transparent var(--split),#000 var(--split)) 0 0/calc(100%/var(--columns)) 100%}
    .js .line{display:block;position:absolute;inset:0;pointer-events:none;
    background:linear-gradient(90deg,transparent calc(var(--split) - 1px),#ffffffb0 calc(var(--split) - 1px),
    #ffffffb0 calc(var(--split) + 1px),transparent calc(var(--split) + 1px)) 0 0/calc(100%/var(--columns)) 100%}
    .c1{--columns:1}.c2{--columns:2}.c3{--columns:3}.c4{--columns:4}.c5{--columns:5}.c6{--columns:6}.c7{--columns:7}
    .c8{--columns:8}
    .slide{display:none;gap:.7rem;align-items:center;font-size:.85rem;padding:.35rem 0 0}.js .slide{display:flex}
    .slide input{flex:1;min-width:0;accent-color:#dfe6ec;margin:.3rem 0}
    .scroll{overflow-x:auto}.scroll .still,.js .scroll .stage{min-width:38rem;touch-action:auto}
    .still{background:#000;border-radius:4px;overflow:hidden}
    .legend{display:grid;grid-template-columns:auto minmax(4rem,16rem) auto;justify-content:start;gap:.1rem .6rem;
    align-items:center;font-size:.85rem;color:var(--dim);margin:.6rem 0}.legend svg{width:100%;height:.7rem;border-radius:3px}
    .legend .middle{grid-column:2;text-align:center}
    \(ColourMap.diverging.rule)\(ColourMap.ember.rule)
    .hidden{position:absolute;width:0;height:0}
    .numbers td,.numbers thead th{white-space:nowrap}.facts th{width:11rem;min-width:7rem}
    pre{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:.8rem 1rem;white-space:pre-wrap;
    overflow-wrap:anywhere;user-select:all;margin:.6rem 0}
    #rating{display:none}.js #rating{display:block}
    #rating fieldset{border:0;padding:0;margin:.6rem 0;display:flex;gap:.3rem 1.2rem}
    #rating fieldset div{display:flex;gap:.3rem 1.2rem;flex-wrap:wrap}
    #rating legend{float:left;flex:none;width:6rem;color:var(--dim)}#rating label{white-space:nowrap}
    #rating input{accent-color:var(--after);margin:0 .25rem 0 0}#rating .notes{display:block;white-space:normal}
    #rating textarea{display:block;width:100%;max-width:44rem;font:inherit;font-size:.93rem;color:var(--text);
    background:var(--panel);border:1px solid #6b7c8c;border-radius:7px;padding:.4rem .6rem;margin:.2rem 0 0;resize:vertical}
    #viewer{display:none}.js #viewer{display:block}
    #viewer .frame{display:none;position:relative;height:min(70vh,40rem);border-radius:4px;overflow:hidden}
    #viewer.open .frame{display:block}#viewer canvas{touch-action:none}
    #viewer .frame span{position:absolute;left:.6rem;bottom:.4rem;color:#d7dee5;font-size:.8rem;letter-spacing:.06em;
    text-transform:uppercase;pointer-events:none}
    #viewer .frame b{position:absolute;color:#ffe2a8;pointer-events:none;text-shadow:0 0 3px #000,0 0 3px #000}
    #viewer .frame b:nth-of-type(1){left:.6rem;top:48%}#viewer .frame b:nth-of-type(2){right:.6rem;top:48%}
    #viewer .frame b:nth-of-type(3){left:50%;top:.3rem}#viewer .frame b:nth-of-type(4){left:50%;bottom:.3rem}#viewer .tools{display:none}#viewer.open .tools{display:flex}
    #viewer fieldset{border:0;padding:0;margin:0 1rem 0 0;display:flex;gap:.4rem;align-items:center;flex-wrap:wrap}
    #viewer legend{float:left;margin-right:.5rem;color:var(--dim);font-size:.9rem}
    #viewer output{display:block;min-height:1.6em;font-size:.9rem;color:var(--dim)}
    @media print{main{height:271mm;overflow:hidden}.tools,.slide,.legend,.line,.js .line,.js #viewer,.pair .hint{display:none!important}
    .pair{gap:3mm;margin:.5mm 0}.pictures{grid-template-columns:2fr 1fr}.charts{grid-template-columns:5fr 5fr 4fr}
    .measures{grid-template-columns:5fr 9fr}.charts .keys{grid-template-columns:1fr;margin:0}
    .stage,.js .stage{display:grid;grid-template-columns:1fr 1fr;justify-items:center}.js .second{position:relative;mask:none}
    .scroll{overflow:visible}.scroll .still,.js .scroll .stage{min-width:0}.remarks{max-height:10mm;overflow:hidden}
    .layer{width:fit-content;margin:0 auto}.layer img{width:auto;max-width:100%;max-height:46mm}.scroll .layer img{max-height:29mm}
    img,.still,.stage{print-color-adjust:exact;-webkit-print-color-adjust:exact}
    .facts{font-size:5.6pt;line-height:1.15}.facts th{width:22mm;min-width:0}.facts td,.facts th{padding:.1mm 2mm .1mm 0;border:0}
    h3,.eyebrow{display:none}pre{font-size:5.6pt;line-height:1.2;padding:0;margin:.5mm 0;border:0}}
    """
}
