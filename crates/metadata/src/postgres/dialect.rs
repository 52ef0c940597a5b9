//! The statements of `sql` in PostgreSQL's words. They are SQLite's in a narrow form, so that this is a look at each word
//! and no parser:
//!
//! | there | here |
//! |---|---|
//! | `?1` | `$1` |
//! | `INDEXED BY name` | nothing: the planner knows its costs |
//! | `CROSS JOIN t ON c`, whose order is kept | `JOIN t ON c` |
//! | `x'00'` | `'\x00'::bytea` |
//! | `FROM json_each(?1)`, a list of texts | `json_array_elements_text` |
//! | `unhex`, `instr`, `char` | `decode`, `strpos`, `chr` |
//! | `unixepoch('subsec')` | `extract(epoch FROM clock_timestamp())` |
//! | `name COLLATE NOCASE` | `lower(name)`, in the collation "C", where it knows the letters of ASCII alone |

/// The statement as PostgreSQL takes it.
pub(super) fn translate(sql: &str) -> String {
    let words = words(sql);
    let mut said = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let [first, after @ ..] = rest {
        let (one, after) = match rest {
            ["INDEXED", "BY", _, after @ ..] => {
                rest = after;
                continue;
            }
            ["CROSS", "JOIN", after @ ..] => ("JOIN".to_owned(), after),
            ["json_each", "(", list, ")", after @ ..] => (
                format!("json_array_elements_text({}::text::json) AS listed (value)", word(list)),
                after,
            ),
            ["unhex", "(", text, ")", after @ ..] => (format!("decode({}, 'hex')", word(text)), after),
            ["unixepoch", "(", "'subsec'", ")", after @ ..] => {
                ("extract(epoch FROM clock_timestamp())".to_owned(), after)
            }
            ["instr", "(", ..] => ("strpos".to_owned(), after),
            ["char", "(", ..] => ("chr".to_owned(), after),
            [operand, "COLLATE", "NOCASE", after @ ..] => (folded(operand), after),
            _ => (word(first), after),
        };
        said.push(one);
        rest = after;
    }
    said.join(" ")
}

/// One word: a parameter, a literal of bytes, or what means the same to both.
fn word(word: &str) -> String {
    if let Some(number) = word.strip_prefix('?') {
        return format!("${number}");
    }
    match word.strip_prefix("x'").and_then(|rest| rest.strip_suffix('\'')) {
        Some(hex) => format!("'\\x{hex}'::bytea"),
        None => word.to_owned(),
    }
}

/// An operand without its case.
fn folded(operand: &str) -> String {
    match operand.strip_prefix('?') {
        Some(number) => format!("lower(${number}::text COLLATE \"C\")"),
        None => format!("lower({operand})"),
    }
}

/// Names with their dots, numbers, parameters, quoted texts and bytes, operators, and every other sign alone.
fn words(sql: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted(rest),
            'x' if rest[1..].starts_with('\'') => 1 + quoted(&rest[1..]),
            '?' => 1 + run(&rest[1..], |sign| sign.is_ascii_digit()),
            '<' | '>' | '=' | '|' | '!' => run(rest, |sign| "<>=|!".contains(sign)),
            sign if is_of_name(sign) => run(rest, is_of_name),
            sign => sign.len_utf8(),
        };
        let (one, after) = rest.split_at(length);
        words.push(one);
        rest = after.trim_start();
    }
    words
}

fn is_of_name(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_' || sign == '.'
}

/// Bytes of the signs at the beginning that are of a kind.
fn run(text: &str, is_of_it: impl Fn(char) -> bool) -> usize {
    text.find(|sign| !is_of_it(sign)).unwrap_or(text.len())
}

/// Bytes of the literal at the beginning; no statement has a quote inside one.
fn quoted(text: &str) -> usize {
    text[1..].find('\'').map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_is_translated() {
        let said = |sql| translate(sql).replace(' ', "");
        for (there, here) in [
            (
                "SELECT a FROM t INDEXED BY t_by_a WHERE a >= ?12 AND b <> 'it is ?1, INDEXED BY'",
                "SELECT a FROM t WHERE a >= $12 AND b <> 'it is ?1, INDEXED BY'",
            ),
            (
                "SELECT 1 FROM t CROSS JOIN u ON u.a = t.a",
                "SELECT 1 FROM t JOIN u ON u.a = t.a",
            ),
            ("WHERE k <> x'00ff'", "WHERE k <> '\\x00ff'::bytea"),
            (
                "d IN (SELECT unhex(value) FROM json_each(?2))",
                "d IN (SELECT decode(value, 'hex') FROM json_array_elements_text($2::text::json) AS listed (value))",
            ),
            ("instr(?2, char(10) || k) = 0", "strpos($2, chr(10) || k) = 0"),
            (
                "unixepoch('subsec') * 1000",
                "extract(epoch FROM clock_timestamp()) * 1000",
            ),
            (
                "t.name COLLATE NOCASE > ?1 COLLATE NOCASE ORDER BY name COLLATE NOCASE",
                "lower(t.name) > lower($1::text COLLATE \"C\") ORDER BY lower(name)",
            ),
        ] {
            assert_eq!(said(there), here.replace(' ', ""));
        }
    }

    #[test]
    fn words_of_what_is_the_same_stay() {
        let sql = "SELECT count(*), a & 8 = 8 FROM t WHERE (a, b) > ($1, '/') || 'x'";
        assert_eq!(translate(sql).replace(' ', ""), sql.replace(' ', ""));
    }
}
