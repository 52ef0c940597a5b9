//! Applies the operations on uploads.

use super::*;

impl Driver {
    pub(super) async fn push_blob(&mut self, repository: usize, bytes: Bytes) -> Result<(), String> {
        let digest = sha256(&bytes);
        self.expected.sizes.insert(digest, bytes.len() as u64);
        let said = self.world.try_push_blob(REPOSITORIES[repository], bytes).await;
        agree(said, self.expected.link(repository, digest))
    }

    pub(super) async fn mount(&mut self, from: usize, to: usize, blob: Digest) -> Result<(), String> {
        let (target, source) = (self.world.grant(REPOSITORIES[to]), self.world.grant(REPOSITORIES[from]));
        let said = self.world.mount_blob(&target, &source, &blob).await;
        let happened = said.as_ref().is_ok_and(Option::is_some);
        let expected = self.expected.mount(from, to, blob);
        if let Ok(expected) = expected
            && expected != happened
        {
            return Err(format!("mounted: {happened}, not {expected}"));
        }
        agree(said, expected.map(drop))
    }

    pub(super) async fn start_upload(&mut self, repository: usize, layer: usize) -> Result<(), String> {
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.start_upload(&grant, None).await;
        let expected = self.expected.start_upload(repository);
        if let Ok(progress) = &said {
            self.expected
                .sizes
                .insert(layer_digest(layer), LAYER_BYTES[layer] as u64);
            self.sessions.push(progress.id);
            self.expected.uploads.push(Upload {
                repository,
                layer,
                offset: 0,
                updated_at: self.expected.now,
            });
        }
        agree(said, expected)
    }

    pub(super) fn pick_upload(&self, pick: &Index) -> Option<(usize, UploadId, Upload)> {
        if self.sessions.is_empty() {
            return None;
        }
        let number = pick.index(self.sessions.len());
        Some((number, self.sessions[number], self.expected.uploads[number].clone()))
    }

    pub(super) fn forget_upload(&mut self, number: usize) {
        self.sessions.remove(number);
        self.expected.uploads.remove(number);
    }

    pub(super) async fn append(&mut self, pick: &Index, part: u8, is_cut_off: bool) -> Result<(), String> {
        let Some((number, id, upload)) = self.pick_upload(pick) else {
            return Ok(());
        };
        let rest = layer_bytes(upload.layer).slice(upload.offset..);
        let piece = rest.slice(..rest.len() * usize::from(part) / 256);
        let offset = upload.offset + piece.len();
        let repository = REPOSITORIES[upload.repository];
        let reached = if is_cut_off {
            let body = cut_off(rest.len() as u64, piece);
            let grant = self.world.grant(repository);
            match self.world.append_upload(&grant, id, None, body).await {
                Err(Error::Receive(_)) => crate::claims::offset(&self.world, repository, id).await,
                other => return Err(format!("a cut connection is {other:?}")),
            }
        } else {
            append(&self.world, repository, id, &piece).await
        };
        match reached {
            Ok(reached) if reached == offset as u64 => {}
            other => return Err(format!("the upload is at {other:?}, not at {offset}")),
        }
        if offset > upload.offset {
            let upload = &mut self.expected.uploads[number];
            (upload.offset, upload.updated_at) = (offset, self.expected.now);
        }
        Ok(())
    }

    pub(super) async fn finish(&mut self, pick: &Index, is_digest_right: bool) -> Result<(), String> {
        let Some((number, id, upload)) = self.pick_upload(pick) else {
            return Ok(());
        };
        let bytes = layer_bytes(upload.layer);
        let rest = bytes.slice(upload.offset..);
        let repository = REPOSITORIES[upload.repository];
        if !is_digest_right {
            self.forget_upload(number);
            let said = finish(&self.world, repository, id, &sha256(b"nothing has this"), &rest).await;
            return agree(said, Err("DigestMismatch"));
        }
        let said = finish(&self.world, repository, id, &sha256(&bytes), &rest).await;
        let expected = self.expected.link(upload.repository, sha256(&bytes));
        if said.is_ok() {
            self.forget_upload(number);
            self.tally.uploads_finished += 1;
        }
        agree(said, expected)
    }

    pub(super) async fn abandon(&mut self, pick: &Index) -> Result<(), String> {
        let Some((number, id, upload)) = self.pick_upload(pick) else {
            return Ok(());
        };
        self.forget_upload(number);
        let grant = self.world.grant(REPOSITORIES[upload.repository]);
        agree(self.world.abandon_upload(&grant, id).await, Ok(()))
    }

    pub(super) async fn purge_uploads(&mut self) -> Result<(), String> {
        let before = self.expected.now.saturating_sub(Limits::default().upload_idle);
        let mut expected = 0;
        for number in (0..self.sessions.len()).rev() {
            if self.expected.uploads[number].updated_at < before {
                self.forget_upload(number);
                expected += 1;
            }
        }
        match self.world.purge_uploads().await {
            Ok(purged) if purged.uploads == expected && purged.failures.is_empty() => Ok(()),
            other => Err(format!("purged {other:?}, not {expected}")),
        }
    }
}
