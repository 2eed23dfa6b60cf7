//! Texts that a stranger may send and nobody expects.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// A text, in each way in which it can be sent.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// What it is, for whoever reads a failure.
    pub name: String,
    /// What stands between the quotes of a JSON string; it need not be sound.
    pub json: Vec<u8>,
    /// The bytes, for a header; percent-encoded, for a path or a query.
    pub bytes: Vec<u8>,
    /// What it says, where it says anything: whoever keeps it has to give it back.
    pub text: Option<String>,
    /// Whether it is one of the few that stand for all.
    pub is_typical: bool,
}

impl Hostile {
    pub fn of(name: impl Into<String>, text: &str) -> Self {
        let quoted = serde_json::to_string(text).unwrap();
        Self {
            name: name.into(),
            json: quoted.as_bytes()[1..quoted.len() - 1].to_vec(),
            bytes: text.as_bytes().to_vec(),
            text: Some(text.to_owned()),
            is_typical: false,
        }
    }

    fn raw(name: &str, json: &[u8], bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            json: json.to_vec(),
            bytes: bytes.to_vec(),
            text: None,
            is_typical: false,
        }
    }

    fn typical(self) -> Self {
        Self { is_typical: true, ..self }
    }

    /// As a part of a URL.
    pub fn encoded(&self) -> Vec<u8> {
        percent_encode(&self.bytes, NON_ALPHANUMERIC).to_string().into_bytes()
    }
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    let mut texts: Vec<Hostile> = controls
        .map(|control| {
            Hostile::of(format!("control {:#x}", u32::from(control)), &format!("hostile{control}text"))
        })
        .map(
            |text| if ["control 0x0", "control 0x85"].contains(&&*text.name) { text.typical() } else { text },
        )
        .collect();
    texts.extend([
        Hostile::of("NUL alone", "\0").typical(),
        Hostile::of("NUL at the end of an id", &format!("{}\0", "A".repeat(32))),
        Hostile::raw("an unescaped NUL", b"a\0b", b"a\0b"),
        Hostile::raw("an unescaped line break", b"a\nb", b"a\nb"),
        Hostile::raw("a lone high surrogate", br"a\ud800b", b"a\xed\xa0\x80b").typical(),
        Hostile::raw("a lone low surrogate", br"\udc00", b"\xed\xb0\x80"),
        Hostile::raw("surrogates in the wrong order", br"\udc00\ud800", b"\xed\xb0\x80\xed\xa0\x80"),
        Hostile::raw("a surrogate before another escape", br"\ud800\u0000", b"\xed\xa0\x80\0"),
        Hostile::raw("no UTF-8", b"a\xffb", b"a\xffb").typical(),
        Hostile::raw("Latin-1", b"\xeb", b"\xeb").typical(),
        Hostile::raw("an overlong NUL", b"a\xc0\x80b", b"a\xc0\x80b"),
        Hostile::raw("a sequence cut short", b"a\xe2\x82", b"a\xe2\x82"),
        Hostile::raw("beyond Unicode", b"\xf5\x80\x80\x80", b"\xf5\x80\x80\x80"),
        Hostile::raw("an escape cut short", br"\u00", b"%u00"),
        Hostile::raw("no escape", br"\x00", br"\x00"),
        Hostile::of("empty", ""),
        Hostile::of("blanks", "   "),
        Hostile::of("nothing to see", "\u{200b}\u{feff}\u{2060}"),
        Hostile::of("right to left", "\u{202e}\u{645}\u{631}\u{62d}\u{628}\u{627}\u{202c} abc").typical(),
        Hostile::of("unassigned", "\u{378}\u{e0fff}"),
        Hostile::of("no characters", "\u{fffe}\u{ffff}\u{10ffff}").typical(),
        Hostile::of("private use", "\u{e000}\u{f8ff}\u{100000}"),
        Hostile::of("byte order mark", "\u{feff}a"),
        Hostile::of("marks", &format!("a{}", "\u{301}".repeat(100))),
        Hostile::of("emoji", "\u{1f469}\u{200d}\u{1f680}\u{1f3fd}"),
        Hostile::of("separators", "a\u{2028}b\u{2029}c"),
        Hostile::of("international address", "\u{fc}@b\u{fc}cher.de"),
        Hostile::of("encoded twice", "%00%2e%2e%2f"),
        Hostile::of("an escape of an escape", "\\u0000\\0"),
        Hostile::of("a path", "../../etc/passwd"),
        Hostile::of("quotes", "'\"`;--"),
        Hostile::of("SQL", "x' OR '1'='1"),
        Hostile::of("a template", "{{7*7}}${7*7}%s%n"),
        Hostile::of("long", &"x".repeat(5000)).typical(),
        Hostile::of("long and wide", &"\u{5b57}".repeat(2100)),
        Hostile::of("very long", &"x".repeat(60_000)),
        Hostile::of("longer than a body", &"x".repeat(66_000)),
    ]);
    texts
}
