//! How people are written to.
//! In: the settings of the group `Mail`. Out: [`Mail`].
//! Owns: no password of a mail server is shown.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use super::error::Error;
use super::mail_url::MailUrl;
use super::reader::Reader;
use super::server::{BASE_URL, BaseUrl};
use super::setting::{Empty, Group, Kind, Setting, Unset, show_switch, switch};

const MAIL: Setting<MailUrl> = Setting {
    name: "SIGNET_MAIL",
    flag: "mail",
    value_name: "URL",
    help: "Where mail goes: smtp://USER:PASSWORD@HOST:587 (STARTTLS, demanded unless HOST is this machine), smtps://, \
           file:FOLDER (a file for each message) or off",
    default: "file:mail",
    unset: Unset::Default,
    kind: Kind::Secret(Empty::Refused),
    parse: |text| text.parse::<MailUrl>().map_err(|problem| problem.to_string().into()),
    show: MailUrl::redacted,
};

const MAIL_FROM: Setting<Option<Sender>> = Setting {
    name: "SIGNET_MAIL_FROM",
    flag: "mail-from",
    value_name: "ADDRESS",
    help: "Sender of mail, such as \"Example <no-reply@example.com>\"",
    default: "Signet <no-reply@HOST of BETTER_AUTH_URL>",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: |text| {
        Sender::parse(text).map(Some).ok_or_else(|| {
        format!("is {text:?}, which is no sender; write it like no-reply@example.com or Example <no-reply@example.com>")
            .into()
    })
    },
    show: |sender| sender.as_ref().map_or_else(|| MAIL_FROM.default.to_owned(), Sender::to_string),
};

const APP_NAME: Setting<String> = Setting {
    name: "SIGNET_APP_NAME",
    flag: "app-name",
    value_name: "NAME",
    help: "What people read on pages, in mail and in their authenticator app",
    default: "Signet",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| {
        let name = text.trim();
        match name.chars().count() {
            1..=LONGEST_NAME if !name.chars().any(char::is_control) => Ok(name.to_owned()),
            _ => Err(format!("is {text:?}; it must be 1 to {LONGEST_NAME} characters on one line").into()),
        }
    },
    show: String::clone,
};

const TEMPLATES: Setting<Option<PathBuf>> = Setting {
    name: "SIGNET_MAIL_TEMPLATES",
    flag: "mail-templates",
    value_name: "FOLDER",
    help: "Folder with templates of mail that take the place of ours, file by file",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: |text| Ok(Some(text.into())),
    show: |folder| folder.as_ref().map_or_else(|| "none".to_owned(), |folder| folder.display().to_string()),
};

const REQUIRE_VERIFIED_EMAIL: Setting<bool> = Setting {
    name: "SIGNET_REQUIRE_VERIFIED_EMAIL",
    flag: "require-verified-email",
    value_name: "SWITCH",
    help: "Whether an address has to be verified before its user may sign in: on or off",
    default: "off",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: switch,
    show: show_switch,
};

pub(super) const GROUP: Group = Group {
    heading: "Mail",
    settings: &[
        MAIL.declaration(),
        MAIL_FROM.declaration(),
        APP_NAME.declaration(),
        TEMPLATES.declaration(),
        REQUIRE_VERIFIED_EMAIL.declaration(),
    ],
};

/// The longest name of the application, in characters: it stands in subjects.
const LONGEST_NAME: usize = 60;

/// How people are written to.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Where mail goes.
    pub url: MailUrl,
    /// Who it is from, if the operator says so.
    pub from: Option<Sender>,
    /// What the application is called.
    pub app_name: String,
    /// The folder with the operator's own templates.
    pub templates: Option<PathBuf>,
    /// Whether an address has to be verified before its user may sign in.
    pub require_verified_email: bool,
}

/// Who mail is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The name beside the address; may be empty.
    pub name: String,
    /// The address.
    pub address: String,
}

impl Sender {
    /// Reads `Name <local@domain>` or `local@domain`; none if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>') {
            Some(text) => text.rsplit_once('<')?,
            None => ("", text),
        };
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        let (local, domain) = address.rsplit_once('@')?;
        let is_address = !local.is_empty()
            && !domain.is_empty()
            && address.len() <= 254
            && address
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>()\",;:\\@".contains(&byte) || byte == b'@')
            && !local.contains('@');
        let is_name = name.len() <= 200 && !name.chars().any(|c| c.is_control() || "<>\"".contains(c));
        (is_address && is_name).then(|| Self { name: name.to_owned(), address: address.to_owned() })
    }
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.address),
            name => write!(f, "{name} <{}>", self.address),
        }
    }
}

impl Mail {
    /// Who mail is from, where `base_url` is the public base URL: what the operator says, or else `no-reply` at its host.
    pub fn sender(&self, base_url: &str) -> Sender {
        self.from.clone().unwrap_or_else(|| {
            let host = Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
            let host = host.unwrap_or_else(|| "localhost".to_owned());
            let domain = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
                // A header with an address literal is not understood by what writes our messages.
                Ok(IpAddr::V4(_) | IpAddr::V6(_)) => "localhost".to_owned(),
                Err(_) => host,
            };
            Sender { name: self.app_name.clone(), address: format!("no-reply@{domain}") }
        })
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Mail> {
    let url = reader.read(&MAIL);
    let from = reader.read(&MAIL_FROM);
    let app_name = reader.read(&APP_NAME);
    let templates = reader.read(&TEMPLATES);
    let require_verified_email = reader.read(&REQUIRE_VERIFIED_EMAIL);
    if let (Some(MailUrl::Off), Some(true)) = (&url, require_verified_email) {
        reader.refuse(Error::new(
            REQUIRE_VERIFIED_EMAIL.name,
            format!("is on, but {} is off: no address could ever be verified", MAIL.name),
        ));
        return None;
    }
    let mail = Mail {
        url: url?,
        from: from?,
        app_name: app_name?,
        templates: templates?,
        require_verified_email: require_verified_email?,
    };
    if let Some(base_url) = reader.peek(&BASE_URL).as_ref().and_then(BaseUrl::given) {
        reader.report(&MAIL_FROM, mail.sender(base_url).to_string());
    }
    Some(mail)
}
