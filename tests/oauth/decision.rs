//! What comes next for a request, against a second opinion that is a table and not a program.

use std::time::Duration;

use proptest::prelude::*;
use signet::model::amr::Amr;
use signet::model::client::{ApplicationType, AuthMethod, Client};
use signet::model::scope::ScopeSet;
use signet::model::session::{Remember, Session};
use signet::oauth::authorize::{Next, Prompt, Wanted, decide};
use signet_verify::clock::Timestamp;

use crate::support::BEGINNING;

/// Everything that a decision depends on.
#[derive(Clone, Debug)]
struct World {
    prompt: Prompt,
    /// None; else how many seconds ago the user has signed in.
    signed_in: Option<u64>,
    hint: Hint,
    max_age: Option<u64>,
    /// None for a request that has just come; else how many seconds ago it did.
    asked: Option<u64>,
    agreed: Agreed,
    skip_consent: bool,
    native: bool,
    public: bool,
    claimed_https: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Hint {
    None,
    Same,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Agreed {
    Nothing,
    Less,
    AsMuch,
    More,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Refused(&'static str),
    SignIn,
    SignUp,
    Consent,
    Issue,
}

/// The order of the specification, one row after the other; the first that holds decides.
fn oracle(world: &World) -> Expected {
    use Expected::{Consent, Issue, Refused, SignIn, SignUp};
    let silent = world.prompt.none;
    let none = world.signed_in.is_none();
    let ago = world.signed_in.unwrap_or_default();
    // Signed in for this very request.
    let led_here = !silent && world.asked.is_some_and(|asked| ago <= asked);
    let too_old = world.max_age.is_some_and(|age| age == 0 || ago > age);
    let covers = matches!(world.agreed, Agreed::AsMuch | Agreed::More);
    let may_be_anybody = world.native && world.public && !world.claimed_https;
    let asks = world.prompt.consent || !(world.skip_consent || covers && !may_be_anybody);
    let rows = [
        (none && world.prompt.create, SignUp),
        (none && silent, Refused("login_required")),
        (none, SignIn),
        (world.hint == Hint::Other && silent, Refused("login_required")),
        (world.hint == Hint::Other, SignIn),
        (too_old && silent, Refused("login_required")),
        (too_old && !led_here, SignIn),
        (world.prompt.login && !led_here, SignIn),
        (asks && silent, Refused("consent_required")),
        (asks, Consent),
        (true, Issue),
    ];
    rows.into_iter().find(|(holds, _)| *holds).unwrap().1
}

fn client(world: &World) -> Client {
    let mut client = super::support::client("app");
    client.skip_consent = world.skip_consent;
    client.application_type = if world.native { ApplicationType::Native } else { ApplicationType::Web };
    client.auth_method = if world.public { AuthMethod::None } else { AuthMethod::ClientSecretBasic };
    let uri = if world.claimed_https { "https://app.example/cb" } else { "http://127.0.0.1/cb" };
    client.redirect_uris = vec![uri.to_owned()];
    client
}

fn decided(world: &World) -> Expected {
    let scope = |text: &str| ScopeSet::parse(text).unwrap();
    let session = world.signed_in.map(|ago| Session {
        id: "session".to_owned(),
        user_id: "alice".to_owned(),
        created_at: BEGINNING.before(Duration::from_secs(ago)),
        updated_at: BEGINNING,
        expires_at: BEGINNING.after(Duration::from_secs(60)),
        remember: Remember::Yes,
        ip_address: String::new(),
        user_agent: String::new(),
        authenticated_at: BEGINNING.before(Duration::from_secs(ago)),
        amr: Amr::password(),
    });
    let wanted = Wanted {
        scope: scope("openid email"),
        nonce: None,
        code_challenge: None,
        prompt: world.prompt,
        max_age: world.max_age.map(Duration::from_secs),
        hinted_user: match world.hint {
            Hint::None => None,
            Hint::Same => Some("alice".to_owned()),
            Hint::Other => Some("bob".to_owned()),
        },
        resources: Vec::new(),
    };
    let agreed = match world.agreed {
        Agreed::Nothing => None,
        Agreed::Less => Some(scope("openid")),
        Agreed::AsMuch => Some(scope("email openid")),
        Agreed::More => Some(scope("openid profile email")),
    };
    let asked_at: Option<Timestamp> = world.asked.map(|ago| BEGINNING.before(Duration::from_secs(ago)));
    match decide(&client(world), &wanted, session.as_ref(), agreed.as_ref(), (asked_at, BEGINNING)) {
        Next::Refuse(refusal) => Expected::Refused(refusal.error),
        Next::SignIn => Expected::SignIn,
        Next::SignUp => Expected::SignUp,
        Next::Consent => Expected::Consent,
        Next::Issue => Expected::Issue,
    }
}

fn seconds() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (0..6_u64).prop_map(Some), Just(Some(5000))]
}

fn worlds() -> impl Strategy<Value = World> {
    let prompts = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    // `none` stands alone; what does not is refused before.
    let prompts = prompts.prop_map(|(none, login, consent, create)| match none {
        true => Prompt { none: true, ..Prompt::default() },
        false => Prompt { none: false, login, consent, create },
    });
    let hints = prop_oneof![Just(Hint::None), Just(Hint::Same), Just(Hint::Other)];
    let agreements =
        prop_oneof![Just(Agreed::Nothing), Just(Agreed::Less), Just(Agreed::AsMuch), Just(Agreed::More)];
    let client = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (prompts, seconds(), hints, seconds(), seconds(), agreements, client).prop_map(
        |(prompt, signed_in, hint, max_age, asked, agreed, client)| {
            let (skip_consent, native, public, claimed_https) = client;
            World {
                prompt,
                signed_in,
                hint,
                max_age,
                asked,
                agreed,
                skip_consent,
                native,
                public,
                claimed_https,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn authorize_decides_in_the_order_of_the_specification(world in worlds()) {
        prop_assert_eq!(decided(&world), oracle(&world));
    }

    #[test]
    fn authorize_with_prompt_none_shows_no_page(world in worlds()) {
        let world = World { prompt: Prompt { none: true, ..Prompt::default() }, ..world };
        prop_assert!(matches!(decided(&world), Expected::Refused(_) | Expected::Issue));
    }

    #[test]
    fn authorize_gives_no_code_without_a_session(world in worlds()) {
        let world = World { signed_in: None, ..world };
        prop_assert!(decided(&world) != Expected::Issue && decided(&world) != Expected::Consent);
    }
}
