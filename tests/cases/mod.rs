//! The verifier's case table: every known family of forged tokens and credentials, one row and one
//! test each, sent over HTTP to servers that trust both a key set elsewhere, one for each algorithm, and a shared secret.
//!
//! A row's test fails when one of its cases gets another answer than the row wants, when two refusals can be told apart,
//! when anything but the key set was fetched, or when a good token is not accepted afterwards.

mod claims;
mod credential;
mod encoding;
mod header;
mod key_set;
mod rig;
mod secret;
mod signature;

use rig::{Case, Rig};
use signet_verify::crypto::Algorithm;

/// What the callers of a row must hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// 401, with the one text for all causes.
    Refused,
    /// The same, or 431: a server need not read what is longer than any token.
    RefusedOrUnread,
    /// 401 or 403: nothing of Alice's.
    Denied,
    /// 200.
    Accepted,
    /// Anything but an error of the server.
    Survived,
}

/// Makes of each row a test, and of all of them the list that is checked for gaps.
macro_rules! rows {
    ($($number:literal $name:ident $want:ident $cases:path;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                for algorithm in Algorithm::ALL {
                    let rig = Rig::start(algorithm).await;
                    let cases: Vec<Case> = $cases(&rig).await;
                    rig.judge(Want::$want, cases).await;
                }
            }
        )*

        /// Number and name of every row, as they stand below.
        const ROWS: &[(usize, &str)] = &[$(($number, stringify!($name))),*];
    };
}

rows! {
    1 row_01_alg_none_in_every_spelling Refused header::none;
    2 row_02_alg_none_with_the_old_signature Refused header::none_with_signature;
    3 row_03_alg_none_in_two_parts Refused header::none_in_two_parts;
    4 row_04_signature_stripped Refused signature::stripped;
    5 row_05_alg_missing_or_no_text Refused header::alg_no_text;
    6 row_06_alg_misspelt Refused header::alg_misspelt;
    7 row_07_bits_of_the_signature_flipped Refused signature::bits_flipped;
    8 row_08_signature_of_another_length Refused signature::other_length;
    9 row_09_s_raised_by_the_order Refused signature::s_raised;
    10 row_10_s_of_the_order_negated_or_zero Refused signature::s_special;
    11 row_11_r_of_low_order_or_not_canonical Refused signature::r_special;
    12 row_12_published_key_of_small_order Refused key_set::small_order;
    13 row_13_published_key_of_mixed_order Refused key_set::mixed_order;
    14 row_14_claims_changed Refused signature::claims_changed;
    15 row_15_payload_replaced Refused signature::payload_replaced;
    16 row_16_not_three_parts Refused encoding::not_three_parts;
    17 row_17_payload_detached Refused encoding::payload_detached;
    18 row_18_json_serialization Refused encoding::json_serialization;
    19 row_19_encrypted_token Refused encoding::encrypted;
    20 row_20_password_based_encryption_with_a_huge_count Refused encoding::huge_count;
    21 row_21_signed_token_whose_header_says_enc Refused header::enc;
    22 row_22_padding Refused encoding::padding;
    23 row_23_unused_bits_set Refused encoding::unused_bits;
    24 row_24_foreign_characters Refused encoding::foreign_characters;
    25 row_25_one_character_left_over Refused encoding::character_left_over;
    26 row_26_not_utf8 Refused encoding::not_utf8;
    27 row_27_not_strict_json Refused encoding::not_strict_json;
    28 row_28_top_level_no_object Refused encoding::no_object;
    29 row_29_nested_token Refused encoding::nested;
    30 row_30_thousands_of_brackets Survived encoding::deep;
    31 row_31_own_key_under_the_known_kid Refused signature::own_key;
    32 row_32_jwk_in_the_header Refused header::jwk;
    33 row_33_jku_and_x5u_lead_to_a_listener Refused header::jku;
    34 row_34_x5c Refused header::x5c;
    35 row_35_iss_and_kid_are_a_listeners_url Refused header::listener;
    36 row_36_kid_is_a_path Refused secret::kid_is_a_path;
    37 row_37_kid_is_a_union_of_sql Refused secret::kid_is_a_union;
    38 row_38_kid_injects_something_else Refused secret::kid_injects;
    39 row_39_kid_no_text Refused header::kid_no_text;
    40 row_40_kid_misspelt Refused header::kid_misspelt;
    41 row_41_unknown_kids_in_a_row Refused key_set::unknown_kids;
    42 row_42_public_key_as_secret_raw Refused secret::public_key_raw;
    43 row_43_public_key_as_secret_in_pem_and_der Refused secret::public_key_in_pem;
    44 row_44_public_key_as_secret_in_json Refused secret::public_key_in_json;
    45 row_45_guessable_secret Refused secret::guessable;
    46 row_46_hs384_and_hs512 Refused secret::longer_hashes;
    47 row_47_hs256_header_over_the_signature Refused secret::header_over_signature;
    48 row_48_header_of_the_key_over_a_mac Refused secret::header_of_key_over_mac;
    49 row_49_nearly_the_secret_nearly_the_mac Refused secret::nearly;
    50 row_50_other_algorithms_with_own_keys Refused header::other_algorithms;
    51 row_51_es256_of_zeros Refused header::psychic;
    52 row_52_alg_ed25519 Survived header::alg_ed25519;
    53 row_53_crit_in_any_form Refused header::crit;
    54 row_54_b64_false Refused header::b64;
    55 row_55_zip Refused header::zip;
    56 row_56_foreign_typ Refused header::foreign_typ;
    57 row_57_header_member_twice Refused header::member_twice;
    58 row_58_claim_twice Refused claims::twice;
    59 row_59_expired Refused claims::expired;
    60 row_60_expired_a_second_ago Survived claims::expired_within_leeway;
    61 row_61_exp_missing Refused claims::exp_missing;
    62 row_62_exp_no_number Refused claims::exp_no_number;
    63 row_63_exp_written_as_json_does_not Refused claims::exp_not_json;
    64 row_64_exp_absurdly_far Refused claims::exp_absurd;
    65 row_65_exp_with_a_fraction Accepted claims::exp_fraction;
    66 row_66_nbf_ahead_or_no_number Refused claims::nbf;
    67 row_67_iat_ahead Refused claims::iat_ahead;
    68 row_68_iat_no_number Refused claims::iat_no_number;
    69 row_69_aud_missing_or_foreign Refused claims::aud_foreign;
    70 row_70_aud_nearly_ours Refused claims::aud_nearly;
    71 row_71_aud_list_that_holds_ours Accepted claims::aud_list;
    72 row_72_iss_missing_or_foreign Refused claims::iss_foreign;
    73 row_73_iss_nearly_right Refused claims::iss_nearly;
    74 row_74_sub_missing_or_no_text Refused claims::sub_no_text;
    75 row_75_sub_of_another_user Denied claims::sub_other;
    76 row_76_sub_that_injects Denied claims::sub_injects;
    77 row_77_cnf_present Refused claims::cnf;
    78 row_78_prehashed_or_decoded_input Refused signature::other_input;
    79 row_79_no_bearer_credential Refused credential::none;
    80 row_80_bearer_credential_malformed Refused credential::malformed;
    81 row_81_two_authorization_headers Refused credential::two;
    82 row_82_scheme_in_another_case Accepted credential::scheme_case;
    83 row_83_huge_tokens RefusedOrUnread credential::huge;
    84 row_84_unknown_members_and_white_space Accepted header::unknown_members;
    85 row_85_jku_x5u_jwk_truly_signed Survived header::truly_signed;
    86 row_86_kid_missing Survived header::kid_missing;
    87 row_87_odd_keys_beside_a_good_one Refused key_set::odd_keys;
    88 row_88_odd_documents_keep_the_good_keys Accepted key_set::odd_documents;
    89 row_89_published_tokens_and_documents Refused key_set::published;
}

#[test]
fn rows_are_complete_and_named_by_their_numbers() {
    assert_eq!(ROWS.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=89).collect::<Vec<_>>());
    for (number, name) in ROWS {
        assert!(name.starts_with(&format!("row_{number:02}_")), "{name}");
    }
}
