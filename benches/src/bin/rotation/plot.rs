//! The lives of the keys as a picture.
//! In: what was seen. Out: an SVG file that reads well on light and on dark pages.
//! Owns: nothing is drawn that was not seen; the legend names every colour.

use std::fmt::Write;

use signet_benches::rotation::{History, KeyLife, Mark};

const LEFT: f64 = 72.0;
const WIDTH: f64 = 960.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 92.0;
const ROW: f64 = 22.0;

const STYLE: &str = "
  svg { --page: #ffffff; --ink: #1f2933; --faint: #d9dee4; --pending: #9ec5e8; --active: #2b7a4b; --retiring: #e0b04c;
        --revoked: #c6302b; --tokens: #6b7785; --order: #6a4fb3; font: 12px system-ui, sans-serif; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #14191f; --ink: #dbe2ea; --faint: #323c47; --pending: #4b7fae; --active: #4fb57c; --retiring: #b98a2b;
          --revoked: #ff6b62; --tokens: #8c99a8; --order: #b49cf5; }
  }
  text { fill: var(--ink); } .page { fill: var(--page); } .faint { stroke: var(--faint); }
  .pending { fill: var(--pending); } .active { fill: var(--active); } .retiring { fill: var(--retiring); }
  .tokens { stroke: var(--tokens); stroke-width: 2; } .Rotation { stroke: var(--order); } .Revocation { stroke: var(--revoked); }
  .Crash { stroke: var(--ink); } .mark { stroke-width: 1.5; stroke-dasharray: 4 3; } .cross { stroke: var(--revoked); stroke-width: 3; }
  .kid { font-family: ui-monospace, monospace; }
";

/// Where things are on the picture.
struct Scale {
    seconds: f64,
    bottom: f64,
}

impl Scale {
    fn x(&self, at: f64) -> f64 {
        LEFT + at.clamp(0.0, self.seconds) / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn key(&self, out: &mut String, key: &KeyLife, top: f64) -> std::fmt::Result {
        writeln!(out, r#"<text class="kid" x="8" y="{:.1}">{}</text>"#, top + 12.0, &key.kid[..6])?;
        let ends = key.states.iter().map(|(at, _)| *at).skip(1).chain([self.seconds]);
        for ((from, state), to) in key.states.iter().zip(ends) {
            let (x, width) = (self.x(*from), self.x(to) - self.x(*from));
            match state.as_str() {
                "pending" | "active" | "retiring" => writeln!(
                    out,
                    r#"<rect class="{state}" x="{x:.1}" y="{top:.1}" width="{width:.1}" height="11"><title>{} {state} {from:.1}–{to:.1} s</title></rect>"#,
                    key.kid
                )?,
                "revoked" => writeln!(
                    out,
                    r#"<path class="cross" d="M{:.1} {:.1}l9 9m0 -9l-9 9"/>"#,
                    x - 1.0,
                    top + 1.0
                )?,
                _ => {}
            }
        }
        if let Some((first, _)) = key.signed {
            let y = top + 15.0;
            let revoked = key.states.iter().find(|(_, state)| state == "revoked");
            let last = revoked.map_or(key.last_exp, |(at, _)| at.min(key.last_exp));
            writeln!(out, r#"<path class="tokens" d="M{:.1} {y:.1}H{:.1}"/>"#, self.x(first), self.x(last))?;
        }
        Ok(())
    }

    fn axis(&self, out: &mut String) -> std::fmt::Result {
        let step = if self.seconds > 120.0 { 20.0 } else { 5.0 };
        let ticks = (self.seconds / step).floor() as usize;
        for tick in 0..=ticks {
            let (at, bottom) = (tick as f64 * step, self.bottom);
            let x = self.x(at);
            writeln!(out, r#"<path class="faint" d="M{x:.1} {TOP}V{bottom:.1}"/>"#)?;
            writeln!(out, r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{at} s</text>"#, bottom + 16.0)?;
        }
        Ok(())
    }

    fn marks(&self, out: &mut String, history: &History) -> std::fmt::Result {
        let orders = history.events.iter().filter(|event| event.mark != Mark::Step);
        for (number, event) in orders.enumerate() {
            let label = match event.mark {
                Mark::Step | Mark::Rotation if event.text.contains("--now") => "rotate --now",
                Mark::Step | Mark::Rotation => "rotate",
                Mark::Revocation => "revoke",
                Mark::Crash => "kill -9",
            };
            let (x, y) = (self.x(event.at), TOP - 8.0 - 14.0 * (number % 3) as f64);
            let bottom = self.bottom;
            writeln!(out, r#"<path class="mark {:?}" d="M{x:.1} {:.1}V{bottom:.1}"/>"#, event.mark, y + 3.0)?;
            writeln!(out, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{label}</text>"#)?;
        }
        Ok(())
    }
}

fn legend(out: &mut String) -> std::fmt::Result {
    let mut x = LEFT;
    for (class, label) in [("pending", "pending"), ("active", "active"), ("retiring", "retiring")] {
        writeln!(out, r#"<rect class="{class}" x="{x}" y="14" width="22" height="11"/>"#)?;
        writeln!(out, r#"<text x="{}" y="24">{label}</text>"#, x + 28.0)?;
        x += 92.0;
    }
    writeln!(
        out,
        r#"<path class="cross" d="M{x} 15l9 9m0 -9l-9 9"/><text x="{}" y="24">revoked</text>"#,
        x + 16.0
    )?;
    x += 84.0;
    writeln!(
        out,
        r#"<path class="tokens" d="M{x} 20h22"/><text x="{}" y="24">its tokens live</text>"#,
        x + 28.0
    )?;
    x += 126.0;
    for (class, label, wide) in [
        ("Rotation", "rotation ordered", 120.0),
        ("Revocation", "key revoked", 96.0),
        ("Crash", "identity process killed", 0.0),
    ] {
        writeln!(
            out,
            r#"<path class="mark {class}" d="M{x} 13v14"/><text x="{}" y="24">{label}</text>"#,
            x + 8.0
        )?;
        x += wide;
    }
    Ok(())
}

/// The picture of a run of so many seconds.
pub fn draw(history: &History, seconds: f64) -> String {
    let bottom = TOP + ROW * history.keys.len() as f64 + 4.0;
    let (scale, height) = (Scale { seconds, bottom }, bottom + 28.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>The life of every signing key of the run</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    let drawn = legend(&mut out).and_then(|()| scale.axis(&mut out)).and_then(|()| {
        for (row, key) in history.keys.iter().enumerate() {
            scale.key(&mut out, key, TOP + 4.0 + ROW * row as f64)?;
        }
        scale.marks(&mut out, history)
    });
    drawn.expect("writing to a String cannot fail");
    out + "</svg>\n"
}
