//! Names, tags, digests, references and media types against the grammars of the specifications.

use std::collections::HashMap;

use holdfast_oci::message::chain;
use holdfast_oci::{Algorithm, Digest, ErrorCode, MediaType, Reference, RepositoryName, Tag, digest, media_type};
use proptest::prelude::*;

const EMPTY_SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const EMPTY_SHA512: &str = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                            47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

/// What attackers and mistakes put where a name, a tag or a digest belongs.
const HOSTILE: &[&str] = &[
    "",
    ".",
    "..",
    "../etc/passwd",
    "a/../b",
    "a/./b",
    "a//b",
    "/a",
    "a/",
    "/",
    "%2e%2e",
    "a%2fb",
    "privat%65",
    "a\\b",
    "a\0",
    "\0",
    "a\nb",
    "a b",
    " a",
    "a ",
    "ａ",
    "café",
    "a\u{202e}b",
    "a:b",
    "a@b",
    "a?b",
    "a#b",
    "a;b",
    "a,b",
    "a'b",
    "a\"b",
    "-a",
    ".a",
    "\u{feff}a",
];

/// Dist-spec's grammar of a component, written the slow way: try every place where the first run may end.
fn oracle_component(text: &str) -> bool {
    let run = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .len();
    (1..=run).any(|end| {
        let rest = &text[end..];
        let dashes = rest.len() - rest.trim_start_matches('-').len();
        rest.is_empty()
            || [".", "_", "__"]
                .iter()
                .any(|separator| rest.strip_prefix(separator).is_some_and(oracle_component))
            || (1..=dashes).any(|count| oracle_component(&rest[count..]))
    })
}

fn oracle_name(text: &str) -> bool {
    text.len() <= 255 && text.split('/').all(oracle_component)
}

fn oracle_tag(text: &str) -> bool {
    let is_word = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_');
    let mut characters = text.chars();
    characters.next().is_some_and(is_word)
        && characters.all(|c| is_word(c) || c == '.' || c == '-')
        && text.chars().count() <= 128
}

/// Every string over the alphabet up to the length.
fn strings(alphabet: &str, max_length: usize) -> impl Iterator<Item = String> {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..=max_length).flat_map(move |length| {
        let letters = letters.clone();
        (0..letters.len().pow(u32::try_from(length).expect("short"))).map(move |mut number| {
            let mut text = String::with_capacity(length);
            for _ in 0..length {
                text.push(letters[number % letters.len()]);
                number /= letters.len();
            }
            text
        })
    })
}

#[test]
fn names_agree_with_the_grammar_on_every_short_string() {
    for text in strings("a0._-/A", 6) {
        assert_eq!(text.parse::<RepositoryName>().is_ok(), oracle_name(&text), "{text:?}");
    }
}

#[test]
fn tags_agree_with_the_grammar_on_every_short_string() {
    for text in strings("aZ9._-/:", 5) {
        assert_eq!(text.parse::<Tag>().is_ok(), oracle_tag(&text), "{text:?}");
    }
}

#[test]
fn names_in_use_are_accepted() {
    for text in [
        "app",
        "library/busybox",
        "warrantydept/customersubmissions/web",
        "a/b/c/d/e/f",
        "my_app",
        "my__app",
        "my-app",
        "my---app",
        "v1.2.3",
        "0",
    ] {
        let name: RepositoryName = text.parse().expect(text);
        assert_eq!(name.as_str(), text);
        assert_eq!(name.components().collect::<Vec<_>>().join("/"), text);
    }
}

#[test]
fn hostile_names_are_refused() {
    for text in HOSTILE.iter().chain(&[
        "App", "a..b", "a___b", "a._b", "a-_b", "_catalog", "a/_b", "a_", "a-", "a.",
    ]) {
        text.parse::<RepositoryName>().expect_err(text);
    }
}

#[test]
fn a_name_has_at_most_255_bytes() {
    let longest = "a".repeat(255);
    assert!(longest.parse::<RepositoryName>().is_ok());
    let error = "a".repeat(256).parse::<RepositoryName>().expect_err("one too long");
    assert_eq!(
        error.to_string(),
        format!("repository name \"{}…\" has 256 bytes, more than 255", "a".repeat(80))
    );
}

#[test]
fn a_name_error_says_where_it_broke() {
    let message = |text: &str| text.parse::<RepositoryName>().expect_err(text).to_string();
    assert_eq!(message(""), "repository name is empty");
    assert_eq!(
        message("team/App"),
        "repository name \"team/App\" has 'A' at byte 5; use lower-case letters, digits and separators . _ - /"
    );
    assert_eq!(
        message("a//b"),
        "repository name \"a//b\" breaks off at byte 2; \
         separators (. or _ or __ or dashes) stand between letters or digits"
    );
    assert!(message("a-").contains("at byte 2"));
    assert!(
        message("a\u{1b}[2J").contains("\"a\\u{1b}[2J\" has '\\u{1b}' at byte 1"),
        "{}",
        message("a\u{1b}[2J")
    );
}

#[test]
fn a_name_is_found_by_its_text() {
    let name: RepositoryName = "library/app".parse().expect("a name");
    let map = HashMap::from([(name.clone(), 1)]);
    assert_eq!(map.get("library/app"), Some(&1));
    assert_eq!(format!("{name:>13}"), "  library/app");
}

#[test]
fn hostile_tags_are_refused() {
    for text in HOSTILE.iter().filter(|text| **text != "..") {
        text.parse::<Tag>().expect_err(text);
    }
    "..".parse::<Tag>().expect_err("starts with a dot");
}

#[test]
fn a_tag_has_at_most_128_bytes() {
    assert!("x".repeat(128).parse::<Tag>().is_ok());
    assert!("x".repeat(129).parse::<Tag>().is_err());
    for text in ["latest", "_", "v1.2.3-rc.1", "SHA-abc", "1"] {
        assert_eq!(text.parse::<Tag>().expect(text).as_str(), text);
    }
}

#[test]
fn digests_of_nothing_are_the_known_ones() {
    assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), EMPTY_SHA256);
    assert_eq!(Digest::of(Algorithm::Sha512, b"").to_string(), EMPTY_SHA512);
    assert_eq!(format!("{:?}", Digest::of(Algorithm::Sha256, b"")), EMPTY_SHA256);
}

#[test]
fn a_digest_says_why_it_is_refused() {
    let error = |text: &str| text.parse::<Digest>().expect_err(text);
    for text in [
        "",
        "sha256",
        ":",
        "sha256:",
        ":abc",
        "SHA256:abc",
        "sha256:a/b",
        "sha256:../x",
        "a++b:00",
        "+a:0",
        "é:0",
    ] {
        assert!(matches!(error(text), digest::Error::Malformed { .. }), "{text:?}");
    }
    for text in ["md5:00", "sha384:00", "blake3:00", "sha256+b64u:00", "sha255:00"] {
        assert!(
            matches!(error(text), digest::Error::UnsupportedAlgorithm { .. }),
            "{text:?}"
        );
    }
    let lengths = [
        EMPTY_SHA256[..70].to_owned(),
        format!("{EMPTY_SHA256}0"),
        EMPTY_SHA256.replace("256", "512"),
    ];
    for text in lengths {
        assert!(matches!(error(&text), digest::Error::WrongLength { .. }), "{text:?}");
    }
    let upper = EMPTY_SHA256.to_uppercase().replace("SHA", "sha");
    assert!(matches!(error(&upper), digest::Error::WrongCharacters { .. }));
    assert!(matches!(
        error(&EMPTY_SHA256.replace('e', "g")),
        digest::Error::WrongCharacters { .. }
    ));
    assert_eq!(
        error("md5:00").to_string(),
        "digest algorithm \"md5\" is not supported; use sha256 or sha512"
    );
    assert_eq!(
        error("sha256:abc").to_string(),
        "digest \"sha256:abc\" has 3 hex digits where sha256 has 64"
    );
}

#[test]
fn stored_digests_that_were_never_written_are_refused() {
    let good = Digest::of(Algorithm::Sha256, b"x").to_db();
    assert_eq!(good.len(), 33);
    assert_eq!(good[0], 1);
    for bad in [
        &[][..],
        &[1],
        &[0; 33],
        &[3; 33],
        &good[..32],
        &[good.as_slice(), &[0]].concat(),
    ] {
        assert!(
            matches!(Digest::from_db(bad), Err(digest::Error::Stored { .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn a_colon_makes_a_reference_a_digest() {
    assert!(matches!("latest".parse(), Ok(Reference::Tag(_))));
    assert!(matches!(EMPTY_SHA256.parse(), Ok(Reference::Digest(_))));
    let error = "sha256:xyz".parse::<Reference>().expect_err("not a digest");
    assert_eq!(
        chain(&error),
        "digest \"sha256:xyz\" has 3 hex digits where sha256 has 64"
    );
    let error = "sha256-"
        .repeat(20)
        .parse::<Reference>()
        .expect_err("too long for a tag");
    assert!(error.to_string().starts_with("tag "), "{error}");
}

#[test]
fn a_content_type_is_read_without_its_parameters() {
    for (text, expected) in [
        ("application/vnd.oci.image.manifest.v1+json", media_type::OCI_MANIFEST),
        (
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
            media_type::OCI_MANIFEST,
        ),
        (
            " Application/VND.OCI.image.index.v1+JSON ;a=\"b;c\"",
            media_type::OCI_INDEX,
        ),
        ("application/vnd.oci.image.index.v1+json;", media_type::OCI_INDEX),
    ] {
        assert_eq!(text.parse::<MediaType>().expect(text).as_str(), expected);
    }
    let too_long = [format!("{}/json", "a".repeat(128)), format!("a/{}", "b".repeat(128))];
    for text in [
        "",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "*/*",
        "a/*",
        "a b/c",
        "application",
        ";a/b",
        "a/b c",
        "ä/b",
        "-a/b",
    ] {
        text.parse::<MediaType>().expect_err(text);
    }
    for text in too_long {
        assert!(matches!(
            text.parse::<MediaType>(),
            Err(media_type::Error::TooLong { .. })
        ));
    }
    let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
    assert_eq!(
        longest.parse::<MediaType>().expect("fits").as_str().len(),
        media_type::MAX_MEDIA_TYPE_BYTES
    );
}

#[test]
fn kinds_follow_the_media_type() {
    use media_type::Kind;
    for (text, kind) in [
        (media_type::OCI_MANIFEST, Kind::Image),
        (media_type::DOCKER_MANIFEST, Kind::Image),
        (media_type::OCI_ARTIFACT_MANIFEST, Kind::Image),
        (media_type::ORAS_ARTIFACT_MANIFEST, Kind::Image),
        (media_type::OCI_INDEX, Kind::Index),
        (media_type::DOCKER_MANIFEST_LIST, Kind::Index),
        (media_type::DOCKER_SCHEMA1, Kind::Schema1),
        (media_type::DOCKER_SCHEMA1_SIGNED, Kind::Schema1),
        (media_type::OCI_CONFIG, Kind::Other),
        ("application/json", Kind::Other),
    ] {
        assert_eq!(text.parse::<MediaType>().expect(text).kind(), kind, "{text}");
    }
}

#[test]
fn error_codes_are_distinct_words() {
    let words: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), ErrorCode::ALL.len());
    assert!(
        words
            .iter()
            .all(|word| { word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') })
    );
    assert_eq!(
        serde_json::to_string(&ErrorCode::TooManyRequests).expect("text"),
        "\"TOOMANYREQUESTS\""
    );
}

#[test]
fn words_are_checked_again_when_deserialized() {
    let name: RepositoryName = serde_json::from_str("\"a/b\"").expect("a name");
    assert_eq!(serde_json::to_string(&name).expect("text"), "\"a/b\"");
    let error = serde_json::from_str::<RepositoryName>("\"A\"").expect_err("upper case");
    assert!(
        error.to_string().starts_with("repository name \"A\" has 'A' at byte 0"),
        "{error}"
    );
    assert!(serde_json::from_str::<Tag>("\"a/b\"").is_err());
    assert!(serde_json::from_str::<Digest>("\"sha256:0\"").is_err());
    assert!(serde_json::from_str::<MediaType>("1").is_err());
}

fn any_digest() -> impl Strategy<Value = Digest> {
    (prop::sample::select(&Algorithm::ALL[..]), any::<[u8; 64]>()).prop_map(|(algorithm, bytes)| {
        Digest::from_bytes(algorithm, &bytes[..algorithm.byte_len()]).expect("the right length")
    })
}

proptest! {
    #[test]
    fn a_name_reads_back_as_it_was_written(
        text in "[a-z0-9]{1,8}((\\.|_|__|-{1,4})[a-z0-9]{1,8}){0,3}(/[a-z0-9]{1,8}((\\.|_|__|-{1,4})[a-z0-9]{1,8}){0,3}){0,4}"
    ) {
        prop_assume!(text.len() <= 255);
        let name: RepositoryName = text.parse().expect("generated by the grammar");
        prop_assert_eq!(name.to_string(), text.clone());
        prop_assert_eq!(serde_json::from_value::<RepositoryName>(text.into()).expect("text"), name);
    }

    #[test]
    fn names_agree_with_the_grammar(text in "[a-z0-9._/-]{0,40}|\\PC{0,20}|[a-z/]{240,270}") {
        prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), oracle_name(&text));
    }

    #[test]
    fn tags_agree_with_the_grammar(text in "[a-zA-Z0-9._-]{0,140}|\\PC{0,20}") {
        prop_assert_eq!(text.parse::<Tag>().is_ok(), oracle_tag(&text));
        if let Ok(tag) = text.parse::<Tag>() {
            prop_assert_eq!(tag.to_string(), text);
        }
    }

    #[test]
    fn a_digest_reads_back_as_it_was_written(digest in any_digest()) {
        prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        prop_assert_eq!(Digest::from_db(&digest.to_db()), Ok(digest));
        prop_assert_eq!(digest.to_string(), format!("{}:{}", digest.algorithm(), digest.hex()));
        prop_assert_eq!(digest.to_string().parse::<Reference>(), Ok(Reference::Digest(digest)));
    }

    #[test]
    fn stored_digests_sort_as_digests_do(one in any_digest(), other in any_digest()) {
        prop_assert_eq!(one.cmp(&other), one.to_db().cmp(&other.to_db()));
    }

    #[test]
    fn a_reference_reads_back_as_it_was_written(text in "[\\w.:-]{1,80}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn a_media_type_reads_back_as_it_was_written(text in "[a-zA-Z0-9.+]{1,20}/[a-zA-Z0-9.+]{1,20}( *;.*)?") {
        if let Ok(media_type) = text.parse::<MediaType>() {
            prop_assert_eq!(media_type.as_str().parse::<MediaType>(), Ok(media_type.clone()));
            prop_assert!(!media_type.as_str().contains(|c: char| c.is_ascii_uppercase()));
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic_or_an_error_unprintable(text in any::<String>()) {
        let messages = [
            text.parse::<RepositoryName>().err().map(|error| chain(&error)),
            text.parse::<Tag>().err().map(|error| chain(&error)),
            text.parse::<Digest>().err().map(|error| chain(&error)),
            text.parse::<Reference>().err().map(|error| chain(&error)),
            text.parse::<MediaType>().err().map(|error| chain(&error)),
            text.parse::<Algorithm>().err().map(|error| chain(&error)),
        ];
        for message in messages.into_iter().flatten() {
            prop_assert!(!message.contains(char::is_control), "{message:?}");
            prop_assert!(message.chars().count() < 1_300, "{message}");
        }
    }
}
