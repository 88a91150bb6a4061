/* Colours of code: a text is cut into tokens, a kind and a text each, which put together are the text again. Kinds are
 * CSS classes: "" is plain. Each language is a table of rules, tried in order at each place; they are sticky regular
 * expressions that take time in proportion to the line. */
'use strict';

(function () {

    const KEYWORDS = 'return|for|in|if|else|not|and|or|assert|def|record|true|false|none|None|True|False|let|while';

    const LLVM_KEYWORDS = 'define|declare|target|attributes|internal|private|constant|unnamed_addr|dso_local|noalias|' +
        'nocapture|nonnull|align|to|x|true|false|undef|poison|zeroinitializer|fast|nnan|contract|reassoc|nuw|nsw|inbounds';

    const LANGUAGES = {
        /* A line of a recipe: YAML, with expressions in its values. */
        recipe: [
            ['comment', /(?<=^|\s)#.*/y],
            ['key', /(?<=^|[{,]\s*|^\s*-\s*)\s*[A-Za-z_][\w.*/-]*(?:\([^()]*\))?(?=\s*:(?:\s|$))/y],
            ['string', /"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/y],
            ['knob', /\$\(|\$[A-Za-z_]\w*/y],
            ['keyword', new RegExp('(?<![\\w.])(?:' + KEYWORDS + ')(?!\\w)', 'y')],
            ['call', /[A-Za-z_]\w*(?=\()/y],
            ['label', /[A-Za-z_]\w*(?=:\s+[A-Za-z_]\w*\()/y],
            ['number', /(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)/y],
            ['operator', /:=|[-+*/%@=<>!]=?|\|/y],
            ['', /[A-Za-z_][\w]*|\s+|./y],
        ],
        /* IR as vitc prints it. */
        ir: [
            ['comment', /\/\/.*/y],
            ['value', /%[\w.]+/y],
            ['type', /\b(?:f32|f64|bf16|i32|i64|bool)(?:\[[\dx]*\])?/y],
            ['string', /"(?:[^"\\]|\\.)*"/y],
            ['number', /-?\b\d+(?:\.\d+)?(?:e[-+]?\d+)?\b/y],
            ['call', /(?<==\s)[a-z_]\w*/y],
            ['', /\w+|\s+|./y],
        ],
        llvm: [
            ['comment', /;.*/y],
            ['string', /c?"(?:[^"\\]|\\.)*"/y],
            ['label', /^[\w.$-]+:/y],
            ['value', /[%@][\w.$-]+|[%@]"[^"]*"/y],
            ['meta', /![\w.]*|#\d+/y],
            ['type', /\b(?:void|ptr|float|double|bfloat|half|label|metadata|i\d+)\b|<\d+ x [a-z]\w*>/y],
            ['number', /-?\b(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?)\b/y],
            ['keyword', new RegExp('\\b(?:' + LLVM_KEYWORDS + ')\\b', 'y')],
            ['call', /(?<==\s|^\s*)(?:tail )?[a-z][\w.]*/y],
            ['', /[A-Za-z_][\w.]*|\s+|./y],
        ],
        asm: [
            ['comment', /(?:#|\/\/).*/y],
            ['label', /^[\w.$@]+:/y],
            ['meta', /^\s*\.[\w.]+/y],
            ['call', /(?<=^\s*)[a-z][\w.]*/y],
            ['value', /%[a-z]\w*|\b(?:[xwvqdsz]\d+|sp|lr)\b/y],
            ['number', /[$#]?-?\b(?:0x[0-9a-fA-F]+|\d+)\b/y],
            ['string', /"(?:[^"\\]|\\.)*"/y],
            ['', /[A-Za-z_.][\w.$@]*|\s+|./y],
        ],
    };

    /* Tokens of one line. */
    function tokens(language, line) {
        const rules = LANGUAGES[language];
        const found = [];
        let at = 0;
        while (at < line.length) {
            let length = 0, kind = '';
            for (const [name, rule] of rules) {
                rule.lastIndex = at;
                const match = rule.exec(line);
                if (!match || match[0].length === 0) continue;
                kind = name;
                length = match[0].length;
                break;
            }
            length = length || 1; /* a character that "." does not match */
            const last = found[found.length - 1];
            if (last && last[0] === kind) last[1] += line.slice(at, at + length);
            else found.push([kind, line.slice(at, at + length)]);
            at += length;
        }
        return found;
    }

    /* The tokens as nodes of the page. Lines beyond `longest` stay plain. */
    function coloured(language, line) {
        const longest = 2000;
        if (line.length > longest) return [line];
        return tokens(language, line).map(([kind, text]) =>
            kind ? vitc.element('span.t-' + kind, null, text) : document.createTextNode(text));
    }

    vitc.tokens = tokens;
    vitc.coloured = coloured;
})();
