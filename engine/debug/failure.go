package debug

import (
	"errors"
	"fmt"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// asProtocolError gives an error its number.
func asProtocolError(err error, code protocol.ErrorCode) *protocol.Error {
	var numbered *protocol.Error
	if errors.As(err, &numbered) {
		return numbered
	}
	return protocol.Errorf(code, "%w", err)
}

// errorText is what a person reads: number, message, and what to do.
func errorText(err *protocol.Error) string {
	text := err.Error()
	if fix := err.Data.Fix; fix != nil {
		switch {
		case fix.Command != "":
			text += fmt.Sprintf(" (%s: %s)", fix.Title, fix.Command)
		case fix.Title != "":
			text += " (" + fix.Title + ")"
		}
	}
	return text
}

// errorResponse answers a request with a numbered error.
func errorResponse(to *message, err *protocol.Error) *dap.ErrorResponse {
	response := &dap.ErrorResponse{Response: newResponse(to)}
	response.Success = false
	response.Message = errorText(err)
	response.Body.Error = &dap.ErrorMessage{
		Id: int(err.Code), Format: errorText(err), ShowUser: err.Data.ShowUser,
	}
	return response
}
