//! A request target: one meaning for every spelling, and a repository that policy and handler see alike.
#![no_main]

use holdfast_api_distribution::Route;
use holdfast_oci::message::chain;
use http::Method;
use libfuzzer_sys::fuzz_target;

const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
];

// The first byte picks the method, the rest is the target.
fuzz_target!(|input: &[u8]| {
    let Some((choice, target)) = input.split_first() else {
        return;
    };
    let Ok(target) = std::str::from_utf8(target) else {
        return;
    };
    let method = &METHODS[usize::from(*choice) % METHODS.len()];
    let route = match Route::parse(method, target) {
        Ok(route) => route,
        Err(error) => {
            let _message = chain(&error);
            return;
        }
    };
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    assert!(Route::is_data_plane(path), "{path}");
    let mut plain = path
        .replace("%2F", "/")
        .replace("%2f", "/")
        .replace("%3A", ":")
        .replace("%3a", ":");
    if let Some(name) = route.repository() {
        assert!(plain.contains(&format!("/{name}")), "{name} is not in {plain}");
    }
    if let Some(query) = query {
        plain.push('?');
        plain.push_str(query);
    }
    assert_eq!(Route::parse(method, &plain).ok().as_ref(), Some(&route), "{plain}");
});
