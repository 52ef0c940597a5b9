//! Expressions of licences (SPDX 2.3, annex D), as manifests write them. It refuses to say which are good.

/// Whether what is accepted satisfies an expression. `/` is an older way to write `OR`.
#[must_use]
pub fn satisfies(expression: &str, accepted: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, accepted) && rest.is_empty()
}

fn any(rest: &mut &[&str], accepted: &[String]) -> bool {
    let mut holds = all(rest, accepted);
    while take(rest, "OR") {
        holds |= all(rest, accepted);
    }
    holds
}

fn all(rest: &mut &[&str], accepted: &[String]) -> bool {
    let mut holds = one(rest, accepted);
    while take(rest, "AND") {
        holds &= one(rest, accepted);
    }
    holds
}

fn one(rest: &mut &[&str], accepted: &[String]) -> bool {
    if take(rest, "(") {
        let holds = any(rest, accepted);
        return take(rest, ")") && holds;
    }
    let Some((name, after)) = rest.split_first() else {
        return false;
    };
    *rest = after;
    let name = if take(rest, "WITH") {
        let exception = rest.split_off_first().copied().unwrap_or_default();
        format!("{name} WITH {exception}")
    } else {
        (*name).to_owned()
    };
    accepted.contains(&name)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let is_next = rest.first() == Some(&word);
    if is_next {
        *rest = &rest[1..];
    }
    is_next
}
