//! Finding rows of the history by their text.

use chrono::TimeDelta;
use futures::TryStreamExt;
use recharge::{
    credits::{Command, HistoryFilter, HoldTime, Note, Operation},
    server::{
        clock::Clock,
        ledger::{Ledger, open_account},
    },
};

use crate::{
    commands::{credits, grant},
    databases::{TestDatabase, on_both_databases},
};

on_both_databases!(a_text_is_found_in_every_case_it_is_written_in);

async fn a_text_is_found_in_every_case_it_is_written_in(test: TestDatabase) {
    let clock = Clock::default();
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let writer = test.database.writer();
    let account = open_account(writer, chrono_tz::UTC, 1, clock.now()).await.unwrap();
    ledger.execute(&account, "grant", grant(100)).await.unwrap();
    let hold = Command::Hold {
        operation: Operation::Analysis,
        amount: credits(1),
        lasts: HoldTime::DEFAULT,
        note: Note {
            description: "Überblick: ÉTÉ, λόγος [5*]?".to_owned(),
            reference: r"J\O.B".to_owned(),
            ..Note::default()
        },
    };
    ledger.execute(&account, "hold", hold).await.unwrap();
    let found = async |text: &str| {
        let filter = HistoryFilter { text: text.to_owned(), ..HistoryFilter::default() };
        let page = ledger.history(&account, filter.clone(), None, None).await.unwrap();
        let exported: Vec<_> = ledger.export(&account, filter).try_collect().await.unwrap();
        assert_eq!(exported, page.rows, "{text}");
        page.rows.len()
    };
    // What is held is shown only when asked for; that the hold has lapsed is not written yet.
    clock.advance(TimeDelta::hours(2));
    for is_written in [false, true] {
        for text in ["Überblick", "überBLICK", "ÜBER", "été", "ΛΌΓΟΣ", "[5*]?", r"j\o.b"]
        {
            assert_eq!(found(text).await, 1, "{text}, written: {is_written}");
        }
        for text in ["Uberblick", "überblicke", "[5]", "5?]", "b.*k", "J.O", r"J\\O"] {
            assert_eq!(found(text).await, 0, "{text}, written: {is_written}");
        }
        ledger.advance(&account).await.unwrap();
    }
}
