//! A model-based test: random operations on a registry and on a pure model of it. After each the two
//! must agree on everything a client can see; after a collection also on what it freed; and in the
//! end, when everything has been deleted, nothing may be left.

mod drive;
mod expected;
mod inspect;
mod operation;
mod sabotage;

use std::{cell::RefCell, ops::Range};

use proptest::{
    collection::vec,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

use self::{
    drive::{Driver, Tally},
    operation::Operation,
};

/// Operations of one case.
const OPERATIONS: Range<usize> = 1..100;
/// Cases of an ordinary run; `PROPTEST_CASES` asks for more.
const CASES: u32 = 40;
/// What proptest runs when nobody asks.
const CASES_BY_DEFAULT: u32 = 256;

async fn run(operations: &[Operation]) -> Result<Tally, String> {
    let mut driver = Driver::start().await;
    for (number, operation) in operations.iter().enumerate() {
        driver
            .apply(operation)
            .await
            .map_err(|complaint| format!("at operation {number}, {operation:?}: {complaint}"))?;
    }
    driver.delete_everything().await?;
    Ok(driver.tally)
}

#[test]
fn the_registry_does_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    if config.cases == CASES_BY_DEFAULT {
        config.cases = CASES;
    }
    let tallies = RefCell::new(Vec::new());
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&vec(operation::any_operation(), OPERATIONS), |operations| {
        let tally = runtime.block_on(run(&operations)).map_err(TestCaseError::fail)?;
        tallies.borrow_mut().push(tally);
        Ok(())
    });
    if let Err(TestError::Fail(complaint, operations)) = outcome {
        panic!("{complaint}\nafter {operations:#?}");
    }
    outcome.unwrap();
    // A few cases, when somebody asks for so few, may well do little.
    if tallies.borrow().len() >= CASES as usize {
        assert_not_vacuous(&tallies.borrow());
    }
}

/// A test that never pushes or frees anything proves nothing.
fn assert_not_vacuous(tallies: &[Tally]) {
    let share = |happened: fn(&Tally) -> bool| {
        let cases = tallies.iter().filter(|tally| happened(tally)).count();
        cases * 100 / tallies.len().max(1)
    };
    let shares = [
        ("manifests were put", share(|tally| tally.manifests_put > 2)),
        ("pushes were refused", share(|tally| tally.pushes_refused > 0)),
        ("uploads were finished", share(|tally| tally.uploads_finished > 0)),
        ("manifests were collected", share(|tally| tally.freed.manifests > 0)),
        ("objects were freed", share(|tally| tally.freed.objects > 0)),
        ("rows of bytes were freed", share(|tally| tally.freed.row_blobs > 0)),
    ];
    for (what, percent) in shares {
        assert!(percent > 0, "{what} in {percent} % of the cases");
    }
}
