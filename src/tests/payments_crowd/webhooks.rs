//! The webhooks of a crowd, and who sends them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use stripe_simulator::Signature;
use tokio::task::JoinSet;

use crate::payments_shop::Shop;

/// Webhooks on their way at once.
const AT_ONCE: usize = 64;
/// Stripe gives up a webhook after so many attempts; here none needs as many.
const MOST_ATTEMPTS: u32 = 40;

/// The door answers 400 to these signatures.
pub const FORGERIES: [Signature; 6] = [
    Signature::Missing,
    Signature::Garbage,
    Signature::V0Only,
    Signature::WrongSecret,
    Signature::ChangedBody,
    Signature::Stale(310),
];
/// The door takes these signatures.
pub const GENUINE: [Signature; 3] = [Signature::Valid, Signature::Rolled, Signature::Stale(200)];

/// A webhook to be sent until it is answered for good.
pub struct Webhook {
    pub body: String,
    pub signature: Signature,
    /// Stripe fails when the server asks for the session of this webhook.
    pub is_unlucky: bool,
}

/// The answers to all webhooks: their times and their counts.
#[derive(Default)]
pub struct Answers {
    /// How long those took for which nothing was made to fail.
    pub took_ms: Vec<u64>,
    /// How often each status came: 200, 400, and all others.
    pub taken: u64,
    pub refused: u64,
    pub failed: u64,
}

impl Webhook {
    pub fn is_forged(&self) -> bool {
        FORGERIES.contains(&self.signature)
    }

    /// Sends it as Stripe would, again until it is taken. A forger tries again too.
    async fn send(&self, shop: &Shop, answers: &mut Answers) {
        let wanted = if self.is_forged() { 400 } else { 200 };
        for attempt in 0..MOST_ATTEMPTS {
            let sent = shop.stripe.post_webhook(self.body.clone(), self.signature).await;
            let [answer] = sent.as_slice() else { panic!("one endpoint hears: {sent:?}") };
            let has_failed = self.is_unlucky || matches!(answer.status, Some(500 | 503));
            answers.took_ms.extend((!has_failed).then_some(answer.took_ms));
            match answer.status {
                Some(200) if wanted == 200 => answers.taken += 1,
                Some(400) if wanted == 400 => answers.refused += 1,
                Some(500 | 503) => {
                    answers.failed += 1;
                    tokio::time::sleep(Duration::from_millis(5) * (attempt + 1)).await;
                    continue;
                }
                _ => panic!("{:?} was answered with {answer:?}", self.signature),
            }
            return;
        }
        panic!("a webhook was not taken in {MOST_ATTEMPTS} attempts");
    }
}

/// Sends all of them, [`AT_ONCE`] at a time.
pub async fn send_all(shop: &Arc<Shop>, webhooks: VecDeque<Webhook>) -> Answers {
    let webhooks = Arc::new(Mutex::new(webhooks));
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (shop, webhooks) = (Arc::clone(shop), Arc::clone(&webhooks));
        senders.spawn(async move {
            let mut answers = Answers::default();
            let next = || webhooks.lock().unwrap().pop_front();
            while let Some(webhook) = next() {
                webhook.send(&shop, &mut answers).await;
            }
            answers
        });
    }
    let mut all = Answers::default();
    for answers in senders.join_all().await {
        all.took_ms.extend(answers.took_ms);
        all.taken += answers.taken;
        all.refused += answers.refused;
        all.failed += answers.failed;
    }
    all
}
