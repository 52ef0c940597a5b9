//! Signed URLs beside those that Google publishes for whoever signs them (googleapis/conformance-tests,
//! storage/v1/v4_signatures.json, Apache-2.0), with the key that is published with them and opens nothing.

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::*;

const EMAIL: &str = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCsPzMirIottfQ2
ryjQmPWocSEeGo7f7Q4/tMQXHlXFzo93AGgU2t+clEj9L5loNhLVq+vk+qmnyDz5
Q04y8jVWyMYzzGNNrGRW/yaYqnqlKZCy1O3bmnNjV7EDbC/jE1ZLBY0U3HaSHfn6
S9ND8MXdgD0/ulRTWwq6vU8/w6i5tYsU7n2LLlQTl1fQ7/emO9nYcCFJezHZVa0H
meWsdHwWsok0skwQYQNIzP3JF9BpR5gJT2gNge6KopDesJeLoLzaX7cUnDn+CAnn
LuLDwwSsIVKyVxhBFsFXPplgpaQRwmGzwEbf/Xpt9qo26w2UMgn30jsOaKlSeAX8
cS6ViF+tAgMBAAECggEACKRuJCP8leEOhQziUx8Nmls8wmYqO4WJJLyk5xUMUC22
SI4CauN1e0V8aQmxnIc0CDkFT7qc9xBmsMoF+yvobbeKrFApvlyzNyM7tEa/exh8
DGD/IzjbZ8VfWhDcUTwn5QE9DCoon9m1sG+MBNlokB3OVOt8LieAAREdEBG43kJu
yQTOkY9BGR2AY1FnAl2VZ/jhNDyrme3tp1sW1BJrawzR7Ujo8DzlVcS2geKA9at7
55ua5GbHz3hfzFgjVXDfnkWzId6aHypUyqHrSn1SqGEbyXTaleKTc6Pgv0PgkJjG
hZazWWdSuf1T5Xbs0OhAK9qraoAzT6cXXvMEvvPt6QKBgQDXcZKqJAOnGEU4b9+v
Odoh+nssdrIOBNMu1m8mYbUVYS1aakc1iDGIIWNM3qAwbG+yNEIi2xi80a2RMw2T
9RyCNB7yqCXXVKLBiwg9FbKMai6Vpk2bWIrzahM9on7AhCax/X2AeOp+UyYhFEy6
UFG4aHb8THscL7b515ukSuKb5QKBgQDMq+9PuaB0eHsrmL6q4vHNi3MLgijGg/zu
AXaPygSYAwYW8KglcuLZPvWrL6OG0+CrfmaWTLsyIZO4Uhdj7MLvX6yK7IMnagvk
L3xjgxSklEHJAwi5wFeJ8ai/1MIuCn8p2re3CbwISKpvf7Sgs/W4196P4vKvTiAz
jcTiSYFIKQKBgCjMpkS4O0TakMlGTmsFnqyOneLmu4NyIHgfPb9cA4n/9DHKLKAT
oaWxBPgatOVWs7RgtyGYsk+XubHkpC6f3X0+15mGhFwJ+CSE6tN+l2iF9zp52vqP
Qwkjzm7+pdhZbmaIpcq9m1K+9lqPWJRz/3XXuqi+5xWIZ7NaxGvRjqaNAoGAdK2b
utZ2y48XoI3uPFsuP+A8kJX+CtWZrlE1NtmS7tnicdd19AtfmTuUL6fz0FwfW4Su
lQZfPT/5B339CaEiq/Xd1kDor+J7rvUHM2+5p+1A54gMRGCLRv92FQ4EON0RC1o9
m2I4SHysdO3XmjmdXmfp4BsgAKJIJzutvtbqlakCgYB+Cb10z37NJJ+WgjDt+yT2
yUNH17EAYgWXryfRgTyi2POHuJitd64Xzuy6oBVs3wVveYFM6PIKXlj8/DahYX5I
R2WIzoCNLL3bEZ+nC6Jofpb4kspoAeRporj29SgesK6QBYWHWX2H645RkRGYGpDo
51gjy9m/hSNqBbH2zmh04A==
-----END PRIVATE KEY-----
";

fn key() -> ServiceKey {
    ServiceKey::new(EMAIL.to_owned(), "f".repeat(40), KEY).unwrap()
}

fn get<'s>(bucket: &'s str, name: &'s str, lasts_secs: u64, at: &str) -> SignedGet<'s> {
    SignedGet {
        endpoint: "https://storage.googleapis.com",
        bucket,
        name,
        lasts_secs,
        at: at.parse().unwrap(),
    }
}

/// The signature of a URL, whose rest is as it should be.
fn signature(key: &UrlKey<'_>, get: SignedGet<'_>) -> String {
    let url = key.url(get).unwrap();
    let (start, signature) = url.split_once("&X-Goog-Signature=").unwrap();
    let (day, moment) = (get.at.format("%Y%m%d"), get.at.format("%Y%m%dT%H%M%SZ"));
    let (credential, algorithm) = (key.name().replace('@', "%40"), key.algorithm());
    assert_eq!(
        start,
        format!(
            "https://storage.googleapis.com/{}/{}?X-Goog-Algorithm={algorithm}\
             &X-Goog-Credential={credential}%2F{day}%2Fauto%2Fstorage%2Fgoog4_request\
             &X-Goog-Date={moment}&X-Goog-Expires={}&X-Goog-SignedHeaders=host",
            get.bucket, get.name, get.lasts_secs
        )
    );
    signature.to_owned()
}

#[test]
fn urls_are_signed_as_google_publishes() {
    let key = key();
    for (get, published) in [
        (
            get("test-bucket", "test-object", 10, "2019-02-01T09:00:00Z"),
            "95e6a13d43a1d1962e667f17397f2b80ac9bdd1669210d5e08e0135df9dff4e56113485dbe429ca2266487b9d1796ebdee2d7cf682a6ef3bb9fbb4c351686fba90d7b621cf1c4eb1fdf126460dd25fa0837dfdde0a9fd98662ce60844c458448fb2b352c203d9969cb74efa4bdb742287744a4f2308afa4af0e0773f55e32e92973619249214b97283b2daa14195244444e33f938138d1e5f561088ce8011f4986dda33a556412594db7c12fc40e1ff3f1bedeb7a42f5bcda0b9567f17f65855f65071fabb88ea12371877f3f77f10e1466fff6ff6973b74a933322ff0949ce357e20abe96c3dd5cfab42c9c83e740a4d32b9e11e146f0eb3404d2e975896f74",
        ),
        (
            get("test-bucket", "test-object", 20, "2019-03-01T09:00:00Z"),
            "9669ed5b10664dc594c758296580662912cf4bcc5a4ba0b6bf055bcbf6f34eed7bdad664f534962174a924741a0c273a4f67bc1847cef20192a6beab44223bd9d4fbbd749c407b79997598c30f82ddc269ff47ec09fa3afe74e00616d438df0d96a7d8ad0adacfad1dc3286f864d924fe919fb0dce45d3d975c5afe8e13af2db9cc37ba77835f92f7669b61e94c6d562196c1274529e76cfff1564cc2cad7d5387dc8e12f7a5dfd925685fe92c30b43709eee29fa2f66067472cee5423d1a3a4182fe8cea75c9329d181dc6acad7c393cd04f8bf5bc0515127d8ebd65d80c08e19ad03316053ea60033fd1b1fd85a69c576415da3bf0a3718d9ea6d03e0d66f0",
        ),
        (
            get("test-bucket2", "test-object2", 10, "2019-02-01T09:00:00Z"),
            "36e3d58dfd3ec1d2dd2f24b5ee372a71e811ffaa2162a2b871d26728d0354270bc116face87127532969c4a3967ed05b7309af741e19c7202f3167aa8c2ac420b61417d6451442bb91d7c822cd17be8783f01e05372769c88913561d27e6660dd8259f0081a71f831be6c50283626cbf04494ac10c394b29bb3bce74ab91548f58a37118a452693cf0483d77561fc9cac8f1765d2c724994cca46a83517a10157ee0347a233a2aaeae6e6ab5e204ff8fc5f54f90a3efdb8301d9fff5475d58cd05b181affd657f48203f4fb133c3a3d355b8eefbd10d5a0a5fd70d06e9515460ad74e22334b2cba4b29cae4f6f285cdb92d8f3126d7a1479ca3bdb69c207d860",
        ),
    ] {
        assert_eq!(signature(&UrlKey::Service(&key), get), published);
    }
}

/// Google publishes none: computed from its description by another program.
#[test]
fn urls_are_signed_by_an_hmac_key_too() {
    let key = UrlKey::Hmac("GOOGTESTS", Hidden("a-secret-of-the-tests"));
    let get = get("test-bucket", "test-object", 10, "2019-02-01T09:00:00Z");
    assert_eq!(
        signature(&key, get),
        "d2ee499f8ff7b204b4a757a4b2f83e176acb1f53d43d6643198fb82ef17ab97d"
    );
}

#[test]
fn a_token_says_who_asks_and_for_what() {
    let token = key().token(1_000).unwrap();
    let pieces: Vec<&str> = token.split('.').collect();
    let read = |piece: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(piece).unwrap()).unwrap();
    let [header, claims]: [serde_json::Value; 2] = [read(pieces[0]), read(pieces[1])];
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "f".repeat(40) }));
    assert_eq!(
        claims,
        json!({ "iss": EMAIL, "sub": EMAIL, "scope": SCOPE, "iat": 1_000, "exp": 4_600 })
    );
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = key().pair.0.public_key().as_ref().to_vec();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(message.as_bytes(), &signature).unwrap();
}

#[test]
fn what_is_no_key_is_refused_and_no_key_is_shown() {
    for text in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "not base64",
    ] {
        assert!(ServiceKey::new(String::new(), String::new(), text).is_err(), "{text}");
    }
    let shown = format!("{:?}", key());
    assert!(shown.contains(EMAIL) && shown.contains("(hidden)"), "{shown}");
}
