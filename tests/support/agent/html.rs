//! What a browser without script makes of a page: its words, its links, its forms.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};

/// A page, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The words that are shown, each run of blanks as one.
    pub words: String,
    /// Targets of links with their words.
    pub links: Vec<(String, String)>,
    pub forms: Vec<Form>,
}

/// A form, with what it holds at the moment.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub action: String,
    pub method: String,
    /// Names and values of what would be sent.
    pub fields: Vec<Field>,
    pub buttons: Vec<Button>,
}

#[derive(Clone, Debug, Default)]
pub struct Field {
    pub name: String,
    pub kind: String,
    pub value: String,
    pub id: String,
    /// The words of its label.
    pub label: String,
    /// Of a box: whether it is ticked.
    pub is_checked: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Button {
    pub name: String,
    pub value: String,
    pub words: String,
}

/// Where words go at the moment.
#[derive(Default)]
struct Reading {
    page: Document,
    in_form: bool,
    /// The `for` of the label that is open, and its words.
    label: Option<(String, String)>,
    labels: Vec<(String, String)>,
    button: Option<Button>,
    link: Option<(String, String)>,
    textarea: bool,
    select: Option<String>,
    unseen: u32,
}

impl Document {
    pub fn read(html: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut reading = Reading::default();
        for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
            match token {
                Token::StartTag(tag) => reading.open(&tag),
                Token::EndTag(tag) => reading.close(&text(&tag.name)),
                Token::String(words) => reading.words(&text(&words)),
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
        }
        reading.end()
    }
}

fn text(bytes: &HtmlString) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| text(value))
}

impl Reading {
    fn open(&mut self, tag: &StartTag<()>) {
        const WITHIN_WORDS: [&str; 6] = ["b", "em", "strong", "span", "code", "i"];
        if !WITHIN_WORDS.contains(&text(&tag.name).as_str()) {
            self.words(" ");
        }
        let get = |name: &str| attribute(tag, name).unwrap_or_default();
        match text(&tag.name).as_str() {
            "script" | "style" | "template" | "title" if !tag.self_closing => self.unseen += 1,
            "form" => {
                self.in_form = true;
                let method = get("method").to_ascii_lowercase();
                let method = if method == "post" { method } else { "get".to_owned() };
                self.page.forms.push(Form { action: get("action"), method, ..Form::default() });
            }
            "label" => self.label = Some((get("for"), String::new())),
            "a" => self.link = Some((get("href"), String::new())),
            "input" => {
                let kind = attribute(tag, "type").unwrap_or_else(|| "text".to_owned()).to_ascii_lowercase();
                let (name, value) = (get("name"), attribute(tag, "value"));
                if kind == "submit" {
                    let words = value.clone().unwrap_or_default();
                    self.add_button(Button { name, value: words.clone(), words });
                } else {
                    let box_value = matches!(kind.as_str(), "checkbox" | "radio").then(|| "on".to_owned());
                    let value = value.or(box_value).unwrap_or_default();
                    let is_checked = attribute(tag, "checked").is_some();
                    self.add_field(Field {
                        name,
                        kind,
                        value,
                        id: get("id"),
                        label: String::new(),
                        is_checked,
                    });
                }
            }
            "textarea" => {
                self.textarea = true;
                self.add_field(Field {
                    name: get("name"),
                    kind: "textarea".into(),
                    id: get("id"),
                    ..Field::default()
                });
            }
            "select" => {
                self.select = Some(get("name"));
                self.add_field(Field {
                    name: get("name"),
                    kind: "select".into(),
                    id: get("id"),
                    ..Field::default()
                });
            }
            "option" if self.select.is_some() => {
                if let Some(field) = self.form().and_then(|form| form.fields.last_mut())
                    && (field.value.is_empty() || attribute(tag, "selected").is_some())
                {
                    field.value = get("value");
                }
            }
            "button" if get("type") != "button" => {
                self.button = Some(Button { name: get("name"), value: get("value"), words: String::new() });
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: &str) {
        match tag {
            "script" | "style" | "template" | "title" => self.unseen = self.unseen.saturating_sub(1),
            "form" => self.in_form = false,
            "textarea" => self.textarea = false,
            "select" => self.select = None,
            "label" => self.labels.extend(self.label.take()),
            "a" => self.page.links.extend(self.link.take().map(|(to, words)| (to, squeezed(&words)))),
            "button" => {
                if let Some(mut button) = self.button.take() {
                    button.words = squeezed(&button.words);
                    self.add_button(button);
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.unseen > 0 {
            return;
        }
        if self.textarea {
            if let Some(field) = self.form().and_then(|form| form.fields.last_mut()) {
                field.value.push_str(words);
            }
            return;
        }
        self.page.words.push_str(words);
        if let Some((_, label)) = &mut self.label {
            label.push_str(words);
        }
        if let Some(button) = &mut self.button {
            button.words.push_str(words);
        }
        if let Some((_, link)) = &mut self.link {
            link.push_str(words);
        }
    }

    fn form(&mut self) -> Option<&mut Form> {
        self.page.forms.last_mut().filter(|_| self.in_form)
    }

    fn add_button(&mut self, button: Button) {
        if let Some(form) = self.form() {
            form.buttons.push(button);
        }
    }

    fn add_field(&mut self, mut field: Field) {
        // A label that lies around its field.
        if let Some((of, words)) = &self.label
            && of.is_empty()
        {
            field.label = squeezed(words);
        }
        if let Some(form) = self.form() {
            form.fields.push(field);
        }
    }

    fn end(mut self) -> Document {
        for field in self.page.forms.iter_mut().flat_map(|form| &mut form.fields) {
            let own = self.labels.iter().find(|(of, _)| !of.is_empty() && *of == field.id);
            if let Some((_, words)) = own {
                field.label = squeezed(words);
            }
        }
        self.page.words = squeezed(&self.page.words);
        self.page
    }
}

fn squeezed(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Form {
    /// Types into the field with this name or label.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn fill(mut self, field: &str, value: &str) -> Self {
        let of = |known: &&mut Field| known.name == field || known.label.eq_ignore_ascii_case(field);
        match self.fields.iter_mut().filter(|known| known.kind != "hidden").find(of) {
            Some(known) => {
                known.value = value.to_owned();
                known.is_checked = true;
            }
            None => panic!("no field {field}: {self:?}"),
        }
        self
    }

    /// What is sent when the button with these words, this name or this value is pressed; the first one for "".
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn pressed(&self, button: &str) -> Vec<(String, String)> {
        let is_meant = |known: &&Button| {
            button.is_empty()
                || known.words.eq_ignore_ascii_case(button)
                || known.value == button
                || known.name == button
        };
        let pressed =
            self.buttons.iter().find(is_meant).unwrap_or_else(|| panic!("no button {button}: {self:?}"));
        let mut pairs = self.held();
        if !pressed.name.is_empty() {
            pairs.push((pressed.name.clone(), pressed.value.clone()));
        }
        pairs
    }

    /// What is sent without any button, as a script does it.
    pub fn held(&self) -> Vec<(String, String)> {
        let is_sent = |field: &&Field| {
            let is_box = matches!(field.kind.as_str(), "checkbox" | "radio");
            !field.name.is_empty() && (!is_box || field.is_checked) && field.kind != "button"
        };
        self.fields.iter().filter(is_sent).map(|field| (field.name.clone(), field.value.clone())).collect()
    }

    /// The value of the field with this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }
}

#[test]
fn document_reads_forms_by_label_and_name_and_nothing_of_scripts() {
    let page = Document::read(
        r#"<title>x</title><h1>Sign   in</h1><script>document.write("<form>")</script>
        <form method="POST" action="/go?a=1&amp;b=2"><input type=hidden name=csrf value="&lt;1&gt;">
        <label for=e>E-mail</label><input id=e name=email type=email value="a@b.co">
        <label><input type=checkbox name=stay> Stay</label><label>Code <input name=code></label>
        <button name=decision value=allow>Allow   it</button><button type=button>Show</button></form><a href="/x">Back</a>"#,
    );
    assert_eq!(page.words, "Sign in E-mail Stay Code Allow it Show Back");
    assert_eq!(page.links, [("/x".to_owned(), "Back".to_owned())]);
    let form = page.forms[0].clone();
    assert_eq!((form.method.as_str(), form.action.as_str()), ("post", "/go?a=1&b=2"));
    let pairs = form.fill("E-Mail", "ada@example.com").fill("Code", "1").pressed("Allow it");
    let expected = [("csrf", "<1>"), ("email", "ada@example.com"), ("code", "1"), ("decision", "allow")];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
