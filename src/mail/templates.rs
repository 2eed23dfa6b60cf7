//! The templates of mail: ours, each of which a file of the operator's may replace.
//! In: a letter. Out: its subject, its text and its HTML.
//! Owns: every template has been rendered once before the server starts; what a letter holds is data in each of them.
//!
//! `KIND.LANGUAGE.txt` begins with a head, `Subject: …` and, where there is a link, `Action: …`, which is what the link is
//! called in HTML. After an empty line come paragraphs. The HTML says the same in the frame of `layout.html`, unless the
//! operator has a `KIND.LANGUAGE.html`.

use std::fs;
use std::path::Path;

use minijinja::{Environment, UndefinedBehavior, Value};
use rust_embed::RustEmbed;

use super::error::{Error, Problem};
use super::letter::{Content, Language, Letter};
use crate::model::message::Kind;

/// The frame of all HTML.
const LAYOUT: &str = "layout.html";
/// The largest template, in bytes.
const LARGEST: u64 = 64 * 1024;
/// The longest name that a letter greets with, in characters.
const LONGEST_NAME: usize = 64;
/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 200;

#[derive(RustEmbed)]
#[folder = "src/mail/templates/"]
struct Embedded;

/// What a letter says, ready to be put into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For readers of plain text.
    pub text: String,
    /// For readers of HTML.
    pub html: String,
}

/// The templates, each of which can be rendered.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    app_name: String,
}

impl Templates {
    /// Our templates, and those of the operator in `folder` in the place of ours. Renders each of them once.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn load(app_name: &str, folder: Option<&Path>) -> Result<Self, Problem> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut add = |name: String, source: String| {
            let unusable = |error| Problem::Unusable(name.clone(), described(&error));
            environment.add_template_owned(name.clone(), source).map_err(unusable)
        };
        for name in Embedded::iter() {
            let file = Embedded::get(&name).map(|file| file.data.into_owned()).unwrap_or_default();
            add(name.clone().into_owned(), String::from_utf8_lossy(&file).into_owned())?;
        }
        for (name, source) in folder.map_or_else(|| Ok(Vec::new()), of_operator)? {
            add(name, source)?;
        }
        let templates = Self { environment, app_name: app_name.to_owned() };
        templates.try_all()?;
        Ok(templates)
    }

    /// Renders a letter.
    ///
    /// # Errors
    /// [`Error::Rendering`], which a template that was tried at the start gives only for data that it asks about itself.
    pub fn render(&self, letter: &Letter<'_>) -> Result<Rendered, Error> {
        self.rendered(letter).map_err(|(name, problem)| Error::Rendering(format!("{name}: {problem}")))
    }

    /// The same, or the template that fails, and why.
    fn rendered(&self, letter: &Letter<'_>) -> Result<Rendered, (String, String)> {
        let stem = format!("{}.{}", letter.content.kind().name(), letter.language.tag());
        let name = format!("{stem}.txt");
        let failed = |problem: &str| (name.clone(), problem.to_owned());
        let page = self.fill(&name, self.context(letter, Markup::None, &[]))?;
        let page = page.replace("\r\n", "\n");
        let (head, text) =
            page.split_once("\n\n").ok_or_else(|| failed("it has no empty line after its head"))?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(one_line);
        let subject = field("Subject:").filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| failed("it has no line `Subject: …` in its head"))?;
        let action = field("Action:").filter(|action| !action.is_empty());
        let link = letter.content.link();
        if link.is_some() && action.is_none() {
            return Err(failed("it has no line `Action: …` in its head"));
        }
        let paragraphs: Vec<&str> =
            text.split("\n\n").map(str::trim).filter(|text| !text.is_empty()).collect();
        if link.is_some_and(|link| !paragraphs.contains(&link)) {
            return Err(failed("its link has no paragraph of its own, `{{ link }}`"));
        }
        let own = format!("{stem}.html");
        let frame = if self.environment.get_template(&own).is_ok() { own.as_str() } else { LAYOUT };
        let further = [
            ("subject", Value::from(subject.as_str())),
            ("action", Value::from(action.unwrap_or_default())),
            ("paragraphs", paragraphs.iter().map(|text| paragraph(text, link)).collect()),
        ];
        let html = self.fill(frame, self.context(letter, Markup::Html, &further))?;
        if link.is_some_and(|link| !html.contains(&escaped(link))) {
            return Err((frame.to_owned(), "its link, `{{ link }}`, is missing".to_owned()));
        }
        let text = paragraphs.join("\n\n") + "\n";
        Ok(Rendered { subject, text, html })
    }

    fn fill(&self, name: &str, context: Value) -> Result<String, (String, String)> {
        let template = self.environment.get_template(name);
        let filled = template.and_then(|template| template.render(context));
        filled.map_err(|error| (name.to_owned(), described(&error)))
    }

    fn context(&self, letter: &Letter<'_>, markup: Markup, further: &[(&'static str, Value)]) -> Value {
        let mut values = vec![
            ("app", Value::from(self.app_name.as_str())),
            ("language", Value::from(letter.language.tag())),
            ("name", Value::from(greeting(letter.name).unwrap_or_default())),
        ];
        // What a letter does not have is undefined, and a template that asks for it cannot be used.
        values.extend(letter.content.link().map(|link| {
            let value = match markup {
                Markup::None => Value::from(link),
                Markup::Html => Value::from_safe_string(escaped(link)),
            };
            ("link", value)
        }));
        values.extend(letter.content.new_address().map(|new| ("new_address", Value::from(one_line(new)))));
        values.extend(further.iter().cloned());
        Value::from_pairs(values)
    }

    /// Renders every letter there can be, with a name and without.
    fn try_all(&self) -> Result<(), Problem> {
        const LINK: &str = "https://example.com/page?a=1&b=2#token=3";
        const NEW: &str = "new@example.com";
        for kind in Kind::ALL {
            let content = match kind {
                Kind::VerifyAddress => Content::VerifyAddress { link: LINK },
                Kind::ResetPassword => Content::ResetPassword { link: LINK },
                Kind::PasswordWasReset => Content::PasswordWasReset,
                Kind::ConfirmNewAddress => Content::ConfirmNewAddress { link: LINK },
                Kind::AddressWillChange => Content::AddressWillChange { new: NEW },
                Kind::AddressChanged => Content::AddressChanged { new: NEW },
                Kind::ConfirmDeletion => Content::ConfirmDeletion { link: LINK },
                Kind::AccountDeleted => Content::AccountDeleted,
                Kind::Invitation => Content::Invitation { link: LINK },
                Kind::AlreadyRegistered => Content::AlreadyRegistered { link: LINK },
            };
            for language in Language::ALL {
                for name in ["", "Ada"] {
                    let letter = Letter { to: "ada@example.com", name, language, content };
                    self.rendered(&letter).map_err(|(name, problem)| Problem::Unusable(name, problem))?;
                }
            }
        }
        Ok(())
    }
}

/// What a value is written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markup {
    None,
    Html,
}

/// A paragraph for the frame of HTML.
fn paragraph(text: &str, link: Option<&str>) -> Value {
    let text_of = ("text", Value::from(text.replace('\n', " ")));
    Value::from_pairs([text_of, ("is_link", Value::from(Some(text) == link))])
}

/// The operator's templates.
fn of_operator(folder: &Path) -> Result<Vec<(String, String)>, Problem> {
    let unreadable = |name: &str, error| Problem::Unreadable(folder.to_owned(), name.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(".", error))? {
        let path = entry.map_err(|error| unreadable(".", error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.ends_with(".txt") && !name.ends_with(".html") {
            continue;
        }
        let stem = name.strip_suffix(".html").map(|stem| format!("{stem}.txt"));
        if Embedded::get(name).is_none() && stem.is_none_or(|stem| Embedded::get(&stem).is_none()) {
            return Err(Problem::Unknown(folder.to_owned(), name.to_owned()));
        }
        let size = fs::metadata(&path).map_err(|error| unreadable(name, error))?.len();
        if size > LARGEST {
            return Err(Problem::Unusable(name.to_owned(), format!("it has more than {LARGEST} bytes")));
        }
        found.push((name.to_owned(), fs::read_to_string(&path).map_err(|error| unreadable(name, error))?));
    }
    found.sort();
    Ok(found)
}

/// What the engine says of a template, with the line.
fn described(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    match error.detail() {
        Some(detail) => format!("{line}{}: {detail}", error.kind()),
        None => format!("{line}{}", error.kind()),
    }
}

/// A text on one line, without what else could end it.
fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.trim().chars().map(printable).take(LONGEST_SUBJECT).collect()
}

/// The name to greet with. It comes from whoever made the account, who may not own the address: what could be read as
/// a message of their own, or as an address that a mail program makes a link of, is no name.
fn greeting(name: &str) -> Option<&str> {
    let name = name.trim();
    let is_dotted = |word: &str| word.trim_end_matches('.').contains('.');
    let is_name = (1..=LONGEST_NAME).contains(&name.chars().count())
        && name.starts_with(char::is_alphanumeric)
        && name.chars().all(|c| c.is_alphanumeric() || " .,'’-·".contains(c) || is_mark(c))
        && !name.split_whitespace().any(is_dotted)
        && name.split_whitespace().count() <= 6;
    is_name.then_some(name)
}

/// Marks that letters of some scripts are written with, such as vowels of Devanagari.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// A text for HTML, within an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = "https://id.example/verify-email?callbackURL=%2F&x=1#token=abc";

    fn letter<'a>(name: &'a str, content: Content<'a>) -> Letter<'a> {
        Letter { to: "ada@example.com", name, language: Language::English, content }
    }

    fn ours() -> Templates {
        Templates::load("Signet", None).unwrap()
    }

    /// The elements of a document, in their order.
    fn elements(html: &str) -> Vec<&str> {
        html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest)).collect()
    }

    #[test]
    fn load_has_a_template_for_each_kind_in_each_language() {
        for kind in Kind::ALL {
            for language in Language::ALL {
                let name = format!("{}.{}.txt", kind.name(), language.tag());
                assert!(Embedded::get(&name).is_some(), "{name}");
            }
        }
        assert_eq!(Embedded::iter().count(), Kind::ALL.len() * Language::ALL.len() + 1);
    }

    #[test]
    fn load_takes_the_operators_files_in_the_place_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put(
            "verify-address.en.txt",
            "Subject: Mine, {{ app }}\r\nAction: Go\r\n\r\nHi\r\n\r\n{{ link }}\r\n",
        );
        put("account-deleted.en.html", "<i>{{ subject }}: {{ paragraphs[0].text }}</i>");
        put(
            "layout.html",
            "<u>{% for p in paragraphs %}{% if p.is_link %}{{ link }}{% else %}{{ p.text }}{% endif %}|{% endfor %}</u>",
        );
        put("notes.md", "no template");
        let templates = Templates::load("R&D", Some(folder.path())).unwrap();
        let mine = templates.render(&letter("", Content::VerifyAddress { link: LINK })).unwrap();
        assert_eq!((mine.subject.as_str(), mine.text), ("Mine, R&D", format!("Hi\n\n{LINK}\n")));
        assert_eq!(mine.html, format!("<u>Hi|{}|</u>", LINK.replace('&', "&amp;")));
        let own = templates.render(&letter("", Content::AccountDeleted)).unwrap();
        assert_eq!(own.html, "<i>Your account at R&amp;D is deleted: Hello,</i>");
    }

    #[test]
    fn greeting_takes_names_and_nothing_that_reads_like_a_message() {
        for name in [
            "Ada",
            "Ada King-Noel",
            "O'Neill",
            "J. R. R. Tolkien",
            "Ñandú",
            "李小龍",
            "आदा",
            "Dr. Ada",
            " Ada ",
        ] {
            assert_eq!(greeting(name), Some(name.trim()), "{name}");
        }
        for name in [
            "",
            " ",
            "evil.example.com",
            "go to evil.co now",
            "https://e.com",
            "a@b.c",
            "<b>",
            "Ada\nHi",
            "x\u{202e}y",
            "1/2",
            "--part",
            "{{ link }}",
            "You have won a price click it now",
            &"a".repeat(65),
        ] {
            assert_eq!(greeting(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn render_makes_the_same_document_whatever_the_data(
            name in any::<String>(),
            new in any::<String>(),
            app in "[^\\p{C}]{1,60}",
        ) {
            let templates = Templates::load(&app, None).unwrap();
            let plain = ours().render(&letter("Ada", Content::AddressChanged { new: "b@example.com" })).unwrap();
            let odd = templates.render(&letter(&name, Content::AddressChanged { new: &new })).unwrap();
            // An empty address is a paragraph less.
            prop_assume!(!one_line(&new).trim().is_empty());
            prop_assert_eq!(elements(&odd.html), elements(&plain.html));
            prop_assert!(!odd.subject.chars().any(char::is_control));
            prop_assert_eq!(odd.text.matches("\n\n").count(), plain.text.matches("\n\n").count());
        }

        #[test]
        fn render_shows_the_link_as_it_is_and_once(token in "[a-zA-Z0-9]{32}", path in "[a-z/%&=?'\"<>.-]{0,40}") {
            let link = format!("https://id.example/{path}#token={token}");
            let rendered = ours().render(&letter("Ada", Content::ResetPassword { link: &link })).unwrap();
            prop_assert_eq!(rendered.text.lines().filter(|line| *line == link).count(), 1);
            prop_assert_eq!(rendered.html.matches(&escaped(&link)).count(), 1);
            prop_assert_eq!(rendered.text.matches(&token).count() + rendered.html.matches(&token).count(), 2);
        }
    }
}
