package dev.kubetunnel.core;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.kubetunnel.protocol.Protocol;
import dev.kubetunnel.protocol.Protocol.ErrorData;
import dev.kubetunnel.protocol.Protocol.Fix;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.eclipse.lsp4j.jsonrpc.ResponseErrorException;
import org.eclipse.lsp4j.jsonrpc.messages.ResponseError;

/** What went wrong, as tunnel-server tells it: with a number, and what to do about it. */
public final class Failure extends Exception {
    private static final long serialVersionUID = 1L;

    private final int code;
    private final transient ErrorData data;

    public Failure(int code, String message, ErrorData data, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.data = data == null ? new ErrorData() : data;
    }

    public Failure(String message, Throwable cause) {
        this(0, message, null, cause);
    }

    /** A session's own error. */
    public static Failure of(Protocol.Error error) {
        return new Failure(error.code, error.message, error.data, null);
    }

    /** Whatever a future has failed by. */
    public static Failure of(Throwable thrown) {
        Throwable cause = thrown;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException) && cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause instanceof Failure failure) {
            return failure;
        }
        if (cause instanceof ResponseErrorException response) {
            return of(response.getResponseError(), cause);
        }
        if (cause instanceof CancellationException) {
            return new Failure(Protocol.ErrorCode.REQUEST_CANCELLED, "cancelled", null, cause);
        }
        String message = cause.getMessage();
        return new Failure(message == null ? cause.getClass().getSimpleName() : message, cause);
    }

    private static Failure of(ResponseError error, Throwable cause) {
        ErrorData data = null;
        if (error.getData() instanceof JsonObject object) {
            data = new Gson().fromJson((JsonElement) object, ErrorData.class);
        }
        return new Failure(error.getCode(), error.getMessage(), data, cause);
    }

    public int code() {
        return code;
    }

    public boolean isCancelled() {
        return code == Protocol.ErrorCode.REQUEST_CANCELLED;
    }

    /** What can be done about it, null when nothing is known. */
    public Fix fix() {
        return data == null ? null : data.fix;
    }

    /** The message for a person: with its number, the object's latest event, and what to do. */
    public String forPeople() {
        StringBuilder text = new StringBuilder(code > 0 ? "KT" + code + ": " : "").append(getMessage());
        if (data != null && data.event != null && !data.event.isEmpty()) {
            text.append("\n").append(data.event);
        }
        if (fix() != null) {
            text.append("\n").append(fix().title);
            if (fix().command != null) {
                text.append(": ").append(fix().command);
            }
        }
        return text.toString();
    }
}
