;;; emacs.el --- a person at Emacs debugs cart in the cluster  -*- lexical-binding: t -*-

;; SETUP is the file with the setup of docs/editors.md as it stands there. The rest is
;; what a person does then, by the commands that the keys are bound to.

;;; Code:

(setq user-emacs-directory (file-name-as-directory (getenv "STATE"))
      lsp-session-file (expand-file-name "lsp-session" user-emacs-directory)
      dap-breakpoints-file (expand-file-name "dap-breakpoints" user-emacs-directory))
(require 'dap-mode)
(load (getenv "SETUP") nil t)

(defvar answers nil "What the report has.")
(defvar stops 0 "How often the program has stood still.")
(defvar ended nil "Whether the session has ended.")
(add-hook 'dap-stopped-hook (lambda (_) (setq stops (1+ stops))))
(add-hook 'dap-terminated-hook (lambda (_) (setq ended t)))

(defun await (what condition)
  "Wait for CONDITION, which is called WHAT, to hold."
  (with-timeout (90 (error "Waited for %s" what))
    (while (not (funcall condition))
      (accept-process-output nil 0.02))))

(defun ask (session method &rest arguments)
  "Ask the adapter of SESSION for METHOD with ARGUMENTS and give the answer's body."
  (let (answer)
    (dap--send-message (dap--make-request method arguments) (lambda (r) (setq answer r)) session)
    (await method (lambda () answer))
    (unless (gethash "success" answer)
      (error "%s: %s" method (gethash "message" answer)))
    (gethash "body" answer)))

(defun named (name variables)
  "The one of VARIABLES that is called NAME."
  (cl-find name variables :key (lambda (v) (gethash "name" v)) :test #'equal))

(defun children (session reference)
  "The variables that SESSION has behind REFERENCE."
  (gethash "variables" (ask session "variables" :variablesReference reference)))

(defun note (name value)
  "Put VALUE into the report as NAME."
  (push (cons name value) answers))

(defun debug-cart (source line answered)
  "Debug with a breakpoint at LINE of SOURCE until the file ANSWERED is there."
  (find-file source)
  (lsp-workspace-folders-add (file-name-directory (directory-file-name (file-name-directory source))))
  (goto-char (point-min))
  (forward-line (1- line))
  (call-interactively #'dap-breakpoint-toggle)
  (dap-debug (copy-tree (cdr (assoc "cart in the cluster" dap-debug-template-configurations))))
  (let ((session (dap--cur-session)))
    (await "the breakpoint" (lambda () (and (> stops 0) (dap--debug-session-active-frame session))))
    (let* ((frame (dap--debug-session-active-frame session))
           (id (gethash "id" frame))
           (scope (car (gethash "scopes" (ask session "scopes" :frameId id))))
           (cart (named "cart" (children session (gethash "variablesReference" scope)))))
      (note "function" (gethash "name" frame))
      (note "line" (line-number-at-pos)) ; where Emacs shows the program
      (note "total" (gethash "value" (named "Total" (children session (gethash "variablesReference" cart)))))
      (note "evaluated" (gethash "result" (ask session "evaluate" :expression "cart.Total" :frameId id :context "hover"))))
    (call-interactively #'dap-next)
    (await "the next line" (lambda () (and (> stops 1) (dap--debug-session-active-frame session))))
    (note "next" (gethash "line" (dap--debug-session-active-frame session)))
    (call-interactively #'dap-breakpoint-delete-all)
    (call-interactively #'dap-continue)
    (await "the answer" (lambda () (file-exists-p answered)))
    (call-interactively #'dap-disconnect)
    ;; dap-mode kills an adapter that has said that the program has ended.
    (await "the end" (lambda () (and ended (not (process-live-p (dap--debug-session-proc session))))))))

(condition-case failure
    (progn
      (debug-cart (getenv "SOURCE") (string-to-number (getenv "LINE")) (getenv "ANSWERED"))
      (princ (concat "REPORT " (json-encode answers) "\n")))
  (error
   (princ (format "%S\n" failure))
   (dolist (buffer (buffer-list))
     (when (string-match-p "cart in the cluster" (buffer-name buffer))
       (princ (format "%s: %s\n" buffer (with-current-buffer buffer (buffer-string))))))
   (kill-emacs 1)))

;;; emacs.el ends here
