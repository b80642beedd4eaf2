//! Streamed replies: server-sent events, put together.

use practicum_chat::ToolCall;

use crate::completion::{Completion, Usage, WireReply, arguments_of, text_of};

/// Calls of one reply; more is a server gone wild, and would fill the memory.
const MOST_CALLS: usize = 4_096;

/// Puts the events of a stream together.
///
/// # Errors
/// What is wrong with them; a stream that just stops is not a reply.
pub(crate) fn assemble(body: &[u8]) -> Result<Completion, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut whole = Completion::default();
    let (mut reasoning, mut ended) = (String::new(), false);
    for line in text.lines() {
        // Comments, event names and blank lines carry nothing.
        let Some(data) = line.strip_prefix("data:") else {
            continue;
        };
        let data = data.trim();
        if data == "[DONE]" {
            ended = true;
            break;
        }
        let chunk: WireReply = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if let Some(error) = chunk.error {
            return Err(format!("it holds an error: {error}"));
        }
        if let Some(usage) = chunk.usage {
            whole.usage = Usage::from(usage);
        }
        whole.model = whole.model.or(chunk.model);
        whole.prompt_token_ids = whole.prompt_token_ids.or(chunk.prompt_token_ids);
        let Some(choice) = chunk.choices.into_iter().next() else {
            continue;
        };
        if let Some(reason) = choice.finish_reason {
            whole.finish = reason;
        }
        if let Some(tokens) = choice.logprobs.and_then(|logprobs| logprobs.content) {
            whole.logprobs.get_or_insert_default().extend(tokens);
        }
        if let Some(ids) = choice.token_ids {
            whole.token_ids.get_or_insert_default().extend(ids);
        }
        let Some(delta) = choice.message else {
            continue;
        };
        if let Some(content) = delta.content {
            whole.content.push_str(&text_of(content));
        }
        if let Some(thought) = delta
            .reasoning_content
            .or_else(|| delta.reasoning.map(text_of))
        {
            reasoning.push_str(&thought);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            let at = call
                .index
                .unwrap_or(whole.tool_calls.len().saturating_sub(1));
            if at >= MOST_CALLS {
                return Err(format!("it makes more than {MOST_CALLS} calls"));
            }
            while whole.tool_calls.len() <= at {
                whole.tool_calls.push(ToolCall::new("", "", ""));
            }
            let own = &mut whole.tool_calls[at];
            if let Some(id) = call.id {
                own.id = id;
            }
            if let Some(function) = call.function {
                own.function
                    .name
                    .push_str(&function.name.unwrap_or_default());
                own.function
                    .arguments
                    .push_str(&arguments_of(function.arguments));
            }
        }
    }
    if !ended && whole.finish.is_empty() {
        return Err("the stream stops without an end".into());
    }
    whole.reasoning = Some(reasoning).filter(|text| !text.is_empty());
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> String {
        chunks
            .iter()
            .map(|chunk| format!("data: {chunk}\n\n"))
            .collect()
    }

    #[test]
    fn parallel_calls_come_in_pieces() {
        let body = events(&[
            r#"{"choices":[{"delta":{"role":"assistant","reasoning_content":"Two "}}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"calls."}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"get","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"list","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"id\":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}"#,
            "[DONE]",
        ]);
        let whole = assemble(body.as_bytes()).unwrap();
        assert_eq!(
            whole.tool_calls,
            [
                ToolCall::new("a", "get", r#"{"id":1}"#),
                ToolCall::new("b", "list", "{}")
            ]
        );
        assert_eq!(whole.reasoning.as_deref(), Some("Two calls."));
        assert_eq!(whole.usage.total(), 12);
    }

    #[test]
    fn a_stream_that_stops_is_no_reply() {
        let half = events(&[r#"{"choices":[{"delta":{"content":"Hel"}}]}"#]);
        assert!(assemble(half.as_bytes()).is_err());
        assert!(assemble(b"data: {\"choices\":[{\"del").is_err());
        let wild = events(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":99999999,"function":{"name":"x"}}]}}]}"#,
        ]);
        assert!(assemble(wild.as_bytes()).is_err());
    }
}
