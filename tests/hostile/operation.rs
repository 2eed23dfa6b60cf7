//! The operations of the published documents: a request to each that it accepts, and the places where text goes in.

use serde_json::{Map, Value};

use super::person::Person;
use super::texts::Hostile;

/// Headers that somebody reads on the way.
const HEADERS: [&str; 12] = [
    "authorization",
    "cookie",
    "user-agent",
    "origin",
    "referer",
    "content-type",
    "accept",
    "if-none-match",
    "x-request-id",
    "x-forwarded-for",
    "sec-fetch-site",
    "traceparent",
];

/// What everybody changes their password to.
pub const NEW_PASSWORD: &str = "another password";

/// Where a text can stand in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Path(String),
    Query(String),
    Header(&'static str),
    /// A member of a JSON body.
    Member(String),
    /// A member of a form, which the entry to the house takes as well.
    Form(String),
    /// The name of a member or of a parameter that nobody knows.
    UnknownMember,
    UnknownParameter,
}

/// Whether a request carries a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    SignedIn,
    SignedOut,
}

/// An operation.
pub struct Operation {
    pub id: String,
    pub is_identity: bool,
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
    members: Option<Map<String, Value>>,
    required: Vec<String>,
}

impl Operation {
    /// Every operation of a document, as it is published.
    pub fn all(name: &str) -> Vec<Self> {
        let path = format!("{}/openapi/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let (members, required) = body(&document, &operation["requestBody"]);
                operations.push(Self {
                    id: text(&operation["operationId"]),
                    is_identity: name == "identity",
                    method: method.to_uppercase(),
                    path: path.clone(),
                    parameters: parameters.map(|one| (text(&one["in"]), text(&one["name"]))).collect(),
                    members,
                    required,
                });
            }
        }
        operations
    }

    /// Every place of this operation.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self
            .parameters
            .iter()
            .map(|(place, name)| match place.as_str() {
                "path" => Place::Path(name.clone()),
                "query" => Place::Query(name.clone()),
                other => panic!("{}: the sweep knows no parameter in {other}", self.id),
            })
            .collect();
        places.push(Place::UnknownParameter);
        let members = || self.members.iter().flat_map(Map::keys).cloned();
        places.extend(members().map(Place::Member));
        if ["signUpEmail", "signInEmail"].contains(&self.id.as_str()) {
            places.extend(members().map(Place::Form));
        }
        places.extend(self.members.is_some().then_some(Place::UnknownMember));
        places.extend(HEADERS.map(Place::Header));
        places
    }

    /// A request that is accepted, or that would be but for the text in its place.
    pub fn request(&self, person: &Person, caller: Caller, hostile: Option<(&Place, &Hostile)>) -> Vec<u8> {
        let at = |place: &Place| hostile.filter(|(here, _)| *here == place).map(|(_, text)| text);
        let mut path = self.path.clone().into_bytes();
        let mut query: Vec<Vec<u8>> = Vec::new();
        for (place, name) in &self.parameters {
            if place == "path" {
                let text = at(&Place::Path(name.clone())).map(Hostile::encoded);
                let text = text.unwrap_or_else(|| self.value(name, person).into_bytes());
                path = replaced(&path, format!("{{{name}}}").as_bytes(), &text);
            } else if let Some(text) = at(&Place::Query(name.clone())) {
                query.push([name.as_bytes(), b"=", &text.encoded()].concat());
            } else if let Some(usual) = self.usual_parameter(name) {
                query.push([name.as_bytes(), b"=", usual].concat());
            }
        }
        if let Some(text) = at(&Place::UnknownParameter) {
            query.push([&text.encoded()[..], b"=1"].concat());
        }
        if !query.is_empty() {
            path.push(b'?');
            path.extend(query.join(&b'&'));
        }
        let (media_type, body) = self.body(person, hostile);
        let mut headers: Vec<(&str, Vec<u8>)> = vec![
            ("host", person.host.clone().into_bytes()),
            ("origin", person.origin.clone().into_bytes()),
            ("content-length", body.len().to_string().into_bytes()),
        ];
        headers.extend(self.members.is_some().then(|| ("content-type", media_type.to_vec())));
        let is_cookie = hostile.is_some_and(|(place, _)| *place == Place::Header("cookie"));
        if caller == Caller::SignedIn && !(is_cookie && self.is_identity) {
            let token = if self.is_identity { &person.session_token } else { &person.jwt };
            headers.push(("authorization", format!("Bearer {token}").into_bytes()));
        }
        if let Some((Place::Header(name), text)) = hostile {
            headers.retain(|(other, _)| other != name);
            let value = match (*name, caller) {
                ("authorization", _) => [&b"Bearer "[..], &text.bytes].concat(),
                ("cookie", Caller::SignedIn) => {
                    [&b"a="[..], &text.bytes, b"; ", person.cookie.as_bytes()].concat()
                }
                _ => text.bytes.clone(),
            };
            headers.push((name, value));
        }
        let mut request = [self.method.as_bytes(), b" ", &path, b" HTTP/1.1\r\n"].concat();
        for (name, value) in headers {
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        request.extend(body);
        request
    }

    /// What a parameter of the query says when no text stands in its place.
    fn usual_parameter(&self, name: &str) -> Option<&'static [u8]> {
        match (self.id.as_str(), name) {
            ("verifyEmail" | "deleteUserCallback", "token") => Some(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("resetPasswordCallback", "callbackURL") => Some(b"/"),
            _ => None,
        }
    }

    /// Whether it needs a token that was mailed, and says so of any other.
    pub fn needs_mail(&self) -> bool {
        [
            "verifyEmail",
            "verifyEmailWithToken",
            "resetPassword",
            "resetPasswordCallback",
            "deleteUserCallback",
        ]
        .contains(&self.id.as_str())
    }

    fn body(&self, person: &Person, hostile: Option<(&Place, &Hostile)>) -> (&'static [u8], Vec<u8>) {
        let Some(members) = &self.members else { return (b"", Vec::new()) };
        let at = |place: Place| hostile.filter(|(here, _)| **here == place).map(|(_, text)| text);
        if let Some((Place::Form(_), _)) = hostile {
            let pairs = members.keys().filter_map(|name| {
                let text = at(Place::Form(name.clone())).map(Hostile::encoded);
                let usual =
                    || self.is_usual(name).then(|| Hostile::of("", &self.value(name, person)).encoded());
                Some([name.as_bytes(), b"=", &text.or_else(usual)?].concat())
            });
            return (b"application/x-www-form-urlencoded", pairs.collect::<Vec<_>>().join(&b'&'));
        }
        let mut pairs: Vec<Vec<u8>> = members
            .keys()
            .filter_map(|name| {
                let text = at(Place::Member(name.clone())).map(|text| text.json.clone());
                let usual = || self.is_usual(name).then(|| Hostile::of("", &self.value(name, person)).json);
                Some([&b"\""[..], name.as_bytes(), b"\":\"", &text.or_else(usual)?, b"\""].concat())
            })
            .collect();
        if let Some(text) = at(Place::UnknownMember) {
            pairs.push([&b"\""[..], &text.json, b"\":1"].concat());
        }
        (b"application/json", [&b"{"[..], &pairs.join(&b','), b"}"].concat())
    }

    /// Whether the request has a member when no text stands in its place.
    fn is_usual(&self, name: &str) -> bool {
        self.required.iter().any(|required| required == name) || (self.id == "updateUser" && name == "name")
    }

    /// What usually stands in a place. One that nobody has thought about fails here.
    fn value(&self, name: &str, person: &Person) -> String {
        match (self.id.as_str(), name) {
            ("signUpEmail", "email") => person.next_email(),
            (_, "email") => person.email.clone(),
            (_, "password" | "currentPassword") => person.password.clone(),
            (_, "newPassword") => NEW_PASSWORD.to_owned(),
            (_, "name") => "Ada".to_owned(),
            (_, "token") => "A".repeat(32),
            (_, "newEmail") => person.next_email(),
            (_, "title") => "milk".to_owned(),
            (_, "user_id") => "me".to_owned(),
            ("deleteConsent", "id") => "an-application".to_owned(),
            (_, "id") => person.task.clone(),
            (id, name) => panic!("the sweep knows no usual value of {name} in {id}"),
        }
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let start = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..start], to, &bytes[start + from.len()..]].concat()
}

/// The members of a body, and those that it must have.
fn body(document: &Value, body: &Value) -> (Option<Map<String, Value>>, Vec<String>) {
    let Some(reference) = body["content"]["application/json"]["schema"]["$ref"].as_str() else {
        assert!(body.is_null(), "the sweep knows no body like {body}");
        return (None, Vec::new());
    };
    let schema = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
    let mut members = Map::new();
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    for schema in [schema].into_iter().chain(alternatives) {
        members.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    }
    let required = schema["required"].as_array().into_iter().flatten();
    (Some(members), required.map(|name| name.as_str().unwrap().to_owned()).collect())
}
