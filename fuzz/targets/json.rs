//! Any bytes as JSON: what the strict reader takes, a lenient one takes too and sees the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use signet_verify::jose::json::{self, parse};

fuzz_target!(|bytes: &[u8]| {
    let lenient = serde_json::from_slice::<Value>(bytes);
    match parse(bytes) {
        Ok(value) => assert_eq!(lenient.unwrap(), value),
        // A syntax error is one for everybody; the other errors are what strictness adds.
        Err(json::Error::Syntax | json::Error::NotUtf8) => assert!(lenient.is_err()),
        Err(json::Error::DuplicateMember | json::Error::TooDeep) => {}
    }
});
