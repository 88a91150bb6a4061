/* Dark or light: as the system has it, until somebody chooses. */
'use strict';

(function () {
    var dark = window.matchMedia('(prefers-color-scheme: dark)');

    function remembered() {
        try {
            return localStorage.getItem('vitc-theme');
        } catch (error) { /* pages from files may have no storage */
            return null;
        }
    }

    vitc.setTheme = function (name) {
        vitc.state.theme = name;
        document.documentElement.dataset.theme = name;
        vitc.emit('theme', name);
    };

    vitc.switchTheme = function () {
        var name = vitc.state.theme === 'dark' ? 'light' : 'dark';
        try {
            localStorage.setItem('vitc-theme', name);
        } catch (error) {
            /* it lasts as long as the page */
        }
        vitc.setTheme(name);
    };

    vitc.setTheme(remembered() || (dark.matches ? 'dark' : 'light'));
    dark.addEventListener('change', function () {
        if (!remembered()) vitc.setTheme(dark.matches ? 'dark' : 'light');
    });
    window.addEventListener('beforeprint', function () { /* paper is light */
        vitc.beforePrint = vitc.state.theme;
        vitc.setTheme('light');
    });
    window.addEventListener('afterprint', function () {
        vitc.setTheme(vitc.beforePrint || 'light');
    });
})();
